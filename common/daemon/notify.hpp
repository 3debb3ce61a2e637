// The service manager's notification protocol (sd_notify(3)): systemd and our own supervisor speak it alike.
#pragma once

#include <string>

namespace concourse::daemon {

// Sends `state` ("READY=1", "STATUS=…", several lines joined by \n) to $NOTIFY_SOCKET; does nothing without one.
void notify(const std::string& state);
// The same with a descriptor that the manager gets a copy of (FDSTORE=1).
void notify_with_fd(const std::string& state, int fd);

// Of two processes of one service the manager listens to one. The other keeps what it has to say to itself: `hold` until it is that
// one, when `release` says READY=1 and the last STATUS, or for good. On the loop's thread only.
void hold_notifications();
void release_notifications();

// The watchdog interval the manager asked for in microseconds, halved as the protocol advises; 0 for none.
unsigned long watchdog_half_period_us();

}  // namespace concourse::daemon
