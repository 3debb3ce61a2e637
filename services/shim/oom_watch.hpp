// Tells people when the kernel kills for want of memory: a process that "just died" with 137 is the most expensive riddle of a
// build log.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/loop/event_loop.hpp"
#include "common/os/cgroup.hpp"
#include "common/protocol/shim.hpp"

namespace concourse::shim {

class OomWatch {
 public:
  // `tell` gets one line, LF included, for each new kill or bunch of them.
  OomWatch(EventLoop& loop, const protocol::shim::Config& config, std::function<void(const std::string& line)> tell);
  ~OomWatch();

  // Once the container's cgroup is there.
  void start();
  // Looks now: before a process' exit is told.
  void check();
  std::uint64_t kills() const { return seen_; }

 private:
  EventLoop& loop_;
  const os::Cgroup cgroup_;
  const std::uint64_t limit_;
  const std::function<void(const std::string&)> tell_;
  std::optional<UniqueFd> event_;
  std::uint64_t seen_ = 0;
};

}  // namespace concourse::shim
