#include "services/shim/oom_watch.hpp"

#include <unistd.h>

namespace concourse::shim {

namespace {

// The event comes when memory runs out, the count when the kill is done.
constexpr auto kUntilCounted = std::chrono::milliseconds(100);

std::string mib(std::uint64_t bytes) { return std::to_string((bytes + (1 << 19)) >> 20) + " MiB"; }

}  // namespace

OomWatch::OomWatch(EventLoop& loop, const protocol::shim::Config& config, std::function<void(const std::string&)> tell)
    : loop_(loop), cgroup_(config.unified_cgroups, config.cgroup), limit_(config.memory_limit), tell_(std::move(tell)) {}

OomWatch::~OomWatch() {
  if (event_) loop_.unwatch(event_->get());
}

void OomWatch::start() {
  seen_ = cgroup_.oom_kills();
  event_ = cgroup_.oom_event();
  if (!event_) return;
  loop_.watch(event_->get(), EPOLLIN, [this](std::uint32_t) {
    char buffer[4096];
    while (::read(event_->get(), buffer, sizeof buffer) > 0) {
    }
    loop_.after(kUntilCounted, [this] { check(); });
  });
}

void OomWatch::check() {
  const auto kills = cgroup_.oom_kills();
  if (kills <= seen_) return;
  const auto count = kills - seen_;
  seen_ = kills;
  const auto peak = cgroup_.memory_peak();
  std::string line = "concourse: out of memory: ";
  line += limit_ != 0 ? "the container reached its limit of " + mib(limit_) : "the machine has none left for the container";
  if (peak != 0) line += " (peak use " + mib(peak) + ")";
  line += count == 1 ? "; the kernel killed a process\n" : "; the kernel killed " + std::to_string(count) + " processes\n";
  tell_(line);
}

}  // namespace concourse::shim
