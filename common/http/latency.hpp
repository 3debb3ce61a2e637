// How often a route was asked, how long its handler took (and who took over its connection), how often it failed, which an answer
// that something isn't there isn't. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/deadline.hpp"
#include "common/base/json.hpp"

namespace concourse::http {

class Latency {
 public:
  // Upper bounds of the histogram's buckets in seconds; what is slower counts in none.
  static constexpr std::array<double, 9> kBounds{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300};

  void add(Duration took, bool failed);
  std::uint64_t count() const { return count_; }
  // {"count", "failed", "seconds": their sum, "buckets": how many took no longer than each of kBounds}
  Json to_json() const;

 private:
  std::atomic<std::uint64_t> count_ = 0, failed_ = 0, microseconds_ = 0;
  std::array<std::atomic<std::uint64_t>, kBounds.size()> buckets_{};
};

}  // namespace concourse::http
