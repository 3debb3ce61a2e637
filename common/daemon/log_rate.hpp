// How often one event may be logged, so that a client that is refused a thousand times a second doesn't fill the disk with it.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/deadline.hpp"

namespace concourse::log {

class RateLimit {
 public:
  // So many lines of an event at once, and so many a second for as long as it takes.
  RateLimit(double burst, double per_second) : burst_(burst), per_second_(per_second) {}

  // Nothing: not this one. Else how many of this event were left out since the last one that was let through.
  std::optional<std::uint64_t> pass(std::string_view event, Clock::time_point now);

 private:
  struct Bucket {
    double left;
    Clock::time_point since;
    std::uint64_t left_out = 0;
  };

  const double burst_, per_second_;
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;  // events are few: they are words of the sources
};

}  // namespace concourse::log
