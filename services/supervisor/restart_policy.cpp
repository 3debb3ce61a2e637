#include "services/supervisor/restart_policy.hpp"

#include <algorithm>

namespace concourse::supervisor {

void RestartPolicy::started() { state_ = State::starting; }

void RestartPolicy::ready(Clock::time_point now) {
  state_ = State::ready;
  ever_ready_ = true;
  ready_since_ = now;
}

std::optional<Duration> RestartPolicy::ended(std::optional<os::ExitStatus> status, Clock::time_point now) {
  if (state_ == State::ready && now - ready_since_ >= rules_.healthy_after) failures_ = 0;
  ++failures_;
  const bool wrong_usage = status && status->signal == 0 && status->code == kWrongUsage;
  if (!ever_ready_ && (wrong_usage || failures_ >= rules_.attempts)) {
    state_ = State::given_up;
    return std::nullopt;
  }
  state_ = State::waiting;
  Duration delay = rules_.first_delay;
  for (int i = 1; i < failures_ && delay < rules_.longest_delay; ++i) delay *= 2;
  return std::min(delay, rules_.longest_delay);
}

}  // namespace concourse::supervisor
