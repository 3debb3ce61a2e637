// A point in time by which a step must be over. Every blocking step in this project takes one.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>

namespace concourse {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;

// In Go's form: "1h30m0s", "300ms".
std::string duration_text(Duration d);

class Deadline {
 public:
  // `flag`: the one that sets `d`, with its dashes, a literal; none if nobody can set it.
  static Deadline in(Duration d, const char* flag = nullptr) { return {Clock::now() + d, d, flag}; }
  static Deadline never() { return {Clock::time_point::max(), Duration::max(), nullptr}; }

  // The time that was given, for the message of an error: "5m0s", or "5m0s (--garden-request-timeout)".
  std::string limit() const;

  bool passed() const { return Clock::now() >= when_; }
  bool is_never() const { return when_ == Clock::time_point::max(); }
  Clock::time_point when() const { return when_; }

  // What is left, never negative, rounded up to whole milliseconds; -1 for never: the form poll(2) wants.
  int poll_ms() const {
    if (is_never()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when_ - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 1'000'000'000));
  }

  // The earlier of the two.
  Deadline or_in(Duration d) const {
    return std::min(*this, in(d), [](auto& a, auto& b) { return a.when_ < b.when_; });
  }

 private:
  Deadline(Clock::time_point when, Duration given, const char* flag) : when_(when), given_(given), flag_(flag) {}
  Clock::time_point when_;
  Duration given_;
  const char* flag_;
};

}  // namespace concourse
