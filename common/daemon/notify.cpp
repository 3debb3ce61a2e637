#include "common/daemon/notify.hpp"

#include <systemd/sd-daemon.h>

#include <string_view>

namespace concourse::daemon {

namespace {

bool holding = false;
std::string held_status;

constexpr std::string_view kStatus = "STATUS=";

}  // namespace

void notify(const std::string& state) {
  if (!holding) return (void)sd_notify(/*unset_environment=*/0, state.c_str());
  if (const auto at = state.find(kStatus); at != std::string::npos) held_status = state.substr(at);
}

void hold_notifications() { holding = true; }

void release_notifications() {
  holding = false;
  notify("READY=1\nWATCHDOG=1\n" + held_status);
}

void notify_with_fd(const std::string& state, int fd) {
  if (!holding) (void)sd_pid_notify_with_fds(/*pid=*/0, /*unset_environment=*/0, state.c_str(), &fd, 1);
}

unsigned long watchdog_half_period_us() {
  std::uint64_t period = 0;
  return sd_watchdog_enabled(0, &period) > 0 ? static_cast<unsigned long>(period / 2) : 0;
}

}  // namespace concourse::daemon
