#include "common/daemon/notify.hpp"

#include <systemd/sd-daemon.h>

namespace concourse::daemon {

void notify(const std::string& state) { (void)sd_notify(/*unset_environment=*/0, state.c_str()); }

void notify_with_fd(const std::string& state, int fd) {
  (void)sd_pid_notify_with_fds(/*pid=*/0, /*unset_environment=*/0, state.c_str(), &fd, 1);
}

unsigned long watchdog_half_period_us() {
  std::uint64_t period = 0;
  return sd_watchdog_enabled(0, &period) > 0 ? static_cast<unsigned long>(period / 2) : 0;
}

}  // namespace concourse::daemon
