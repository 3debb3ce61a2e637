#include "services/supervisor/handover.hpp"

#include <signal.h>

#include "common/daemon/log.hpp"
#include "common/protocol/beacon.hpp"

namespace concourse::supervisor {

namespace {

constexpr auto kHandOverLimit = std::chrono::seconds(5);  // for the answer

}  // namespace

Handover::~Handover() {
  loop_.cancel(kill_timer_);
  for (const auto& [pid, process] : old_) loop_.unwatch(process.pidfd());
}

void Handover::restart(Service& beacon, const std::string& why) {
  if (!beacon.ready()) return beacon.restart(why);
  const auto asked = beacon.pid();
  call_ = std::make_unique<ControlCall>(loop_, beacon.spec().listeners.at(0).path, Json{{"command", protocol::beacon::kHandOver}},
                                        kHandOverLimit, [this, &beacon, why, asked](const Json&, const std::string& error) {
                                          if (stopping_ || beacon.pid() != asked) return;  // it has ended, and has a successor
                                          if (error.empty()) return take(beacon.succeed(why));
                                          log::warn("the beacon can't hand over, restarting it", {{"error", error}});
                                          beacon.restart(why);
                                        });
}

void Handover::take(Process process) {
  const auto pid = process.pid();
  loop_.watch(process.pidfd(), EPOLLIN, [this, pid](std::uint32_t) { ended(pid); });
  old_.emplace(pid, std::move(process));
}

void Handover::registered() {
  for (const auto& [pid, process] : old_) {
    log::info("old beacon ends with its last connection", {{"pid", pid}});
    process.signal(SIGHUP);
  }
}

void Handover::stop(Duration limit) {
  stopping_ = true;
  for (const auto& [pid, process] : old_) process.signal(SIGTERM);
  loop_.cancel(kill_timer_);
  if (old_.empty()) return;
  kill_timer_ = loop_.after(limit, [this] {
    for (const auto& [pid, process] : old_) process.signal(SIGKILL);
  });
}

void Handover::ended(pid_t pid) {
  auto& process = old_.at(pid);
  loop_.unwatch(process.pidfd());
  const auto status = process.end();
  log::info("old beacon ended", {{"pid", pid}, {"how", status ? status->text() : "unknown (taken over)"}});
  old_.erase(pid);
  if (old_.empty()) all_gone_();
}

Json Handover::status() const {
  Json pids = Json::array();
  for (const auto& [pid, process] : old_) pids.push_back(pid);
  return pids;
}

}  // namespace concourse::supervisor
