// A planned restart of the beacon, make before break: a successor registers while the old one still carries the worker, and the old
// one ends when its last connection has.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/json.hpp"
#include "common/loop/event_loop.hpp"
#include "services/supervisor/control_call.hpp"
#include "services/supervisor/service.hpp"

namespace concourse::supervisor {

class Handover {
 public:
  // `all_gone` is called when the last old process has ended.
  Handover(EventLoop& loop, std::function<void()> all_gone) : loop_(loop), all_gone_(std::move(all_gone)) {}
  ~Handover();

  // Does what Service::restart does, but so that nothing is cut; falls back to that when the process can't hand over.
  void restart(Service& beacon, const std::string& why);

  // The present beacon has registered: the old ones are needed no more.
  void registered();

  // TERM to the old ones, KILL after the limit.
  void stop(Duration limit);

  bool empty() const { return old_.empty(); }
  Json status() const;  // pids

 private:
  void take(Process process);
  void ended(pid_t pid);

  EventLoop& loop_;
  std::function<void()> all_gone_;
  std::map<pid_t, Process> old_;
  std::unique_ptr<ControlCall> call_;
  EventLoop::TimerId kill_timer_ = 0;
  bool stopping_ = false;
};

}  // namespace concourse::supervisor
