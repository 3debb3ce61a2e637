// How long to wait before the next attempt: random, so that many workers don't come at the same moment, and growing.
#pragma once

#include <random>

#include "common/base/deadline.hpp"

namespace concourse::beacon {

class Backoff {
 public:
  // The first wait is between `low` and `high`; each later one may be twice as long, up to `limit`.
  Backoff(Duration low, Duration high, Duration limit) : low_(low), first_high_(high), high_(high), limit_(limit) {}

  Duration next() {
    std::uniform_int_distribution<Duration::rep> spread(low_.count(), high_.count());
    const Duration wait(spread(random_));
    high_ = std::min(high_ * 2, limit_);
    return wait;
  }
  void reset() { high_ = first_high_; }

 private:
  Duration low_, first_high_, high_, limit_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace concourse::beacon
