// Whether and when a service that has ended is started again. No clock, no process: a state machine fed with events.
//
//            started            ready               healthy for a while
//   (down) ──────────▶ starting ──────▶ ready ─────────────────────────▶ failures = 0
//     ▲                   │               │
//     │ after the delay   │ ended         │ ended
//     └──────────── waiting ◀─────────────┘        the delay doubles with each failure in a row
//                         │
//                         └▶ given up: never ready yet, and either exit status 2 (a wrong command line, environment or file:
//                         waiting
//                            can't help) or too many failures in a row
//
// Once a service has been ready, it is restarted for ever: what ran can run again, and builds depend on it.
#pragma once

#include <optional>

#include "common/base/deadline.hpp"
#include "common/os/process.hpp"

namespace concourse::supervisor {

struct RestartRules {
  Duration first_delay = std::chrono::milliseconds(100);
  Duration longest_delay = std::chrono::seconds(30);
  Duration healthy_after = std::chrono::seconds(30);  // ready for this long wipes out earlier failures
  int attempts = 4;                                   // failures in a row before the first READY
};

class RestartPolicy {
 public:
  static constexpr int kWrongUsage = 2;  // daemon::run's exit status for Error(usage)
  enum class State { down, starting, ready, waiting, given_up };

  explicit RestartPolicy(RestartRules rules = {}) : rules_(rules) {}

  void started();
  void ready(Clock::time_point now);

  // It has ended, though nobody asked it to. `status` is nothing when it isn't known. The delay before the next start, or
  // nothing when there should be none.
  std::optional<Duration> ended(std::optional<os::ExitStatus> status, Clock::time_point now);

  // It has ended because we asked it to: no failure.
  void stopped() { state_ = State::down; }

  State state() const { return state_; }
  int failures() const { return failures_; }  // in a row
  bool ever_ready() const { return ever_ready_; }

 private:
  RestartRules rules_;
  State state_ = State::down;
  int failures_ = 0;
  bool ever_ready_ = false;
  Clock::time_point ready_since_{};
};

}  // namespace concourse::supervisor
