// A point in time by which a step must be over. Every blocking step in this project takes one.
#pragma once

#include <algorithm>
#include <chrono>

namespace concourse {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;

class Deadline {
 public:
  static Deadline in(Duration d) { return Deadline(Clock::now() + d); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

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
  Deadline or_in(Duration d) const { return Deadline(std::min(when_, Clock::now() + d)); }

 private:
  explicit Deadline(Clock::time_point when) : when_(when) {}
  Clock::time_point when_;
};

}  // namespace concourse
