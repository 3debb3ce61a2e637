// Carries one output of a process to a descriptor of ours, as fast as that takes it and without ever waiting for it: the loop stays
// free for signals, and the process waits for a slow reader.
#pragma once

#include <functional>
#include <string>

#include "common/loop/event_loop.hpp"
#include "services/ctl/process/calls.hpp"

namespace concourse::ctl {

class OutputPump {
 public:
  // `target` is borrowed; one that is closed is as good as /dev/null. `on_change` is called when ended() or broken() has become
  // true.
  OutputPump(EventLoop& loop, Stream source, int target, std::function<void()> on_change);
  ~OutputPump();
  OutputPump(const OutputPump&) = delete;
  OutputPump& operator=(const OutputPump&) = delete;

  bool ended() const { return ended_ && pending_.empty(); }  // all of it is written
  // errno of a write that failed; 0: none did. What comes from then on is thrown away.
  int broken() const { return broken_; }

 private:
  void read();
  void write(std::uint32_t events);
  void give_up(int error_number);
  void update();

  EventLoop& loop_;
  UniqueFd source_;
  std::string pending_;
  const int target_;
  std::function<void()> on_change_;
  bool watchable_ = true;  // a target that may have to be waited for, other than a file
  bool watching_source_ = false, watching_target_ = false;
  bool ended_ = false;
  int broken_ = 0;
  bool discarding_ = false;
};

}  // namespace concourse::ctl
