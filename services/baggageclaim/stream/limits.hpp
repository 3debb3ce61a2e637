// Ceilings on what one stream may bring into a volume. Generous: they are there for archives that were made to harm.
#pragma once

#include <cstdint>
#include <string>

#include "services/baggageclaim/client_error.hpp"

namespace concourse::baggageclaim {

struct StreamLimits {
  std::uint64_t entries = 20'000'000;  // members of the archive
  std::uint64_t bytes = 1ull << 40;    // of content, after decoding
  std::uint64_t ratio = 20'000;        // decoded bytes for one received, once 64 MiB have been decoded

  static StreamLimits none() { return {UINT64_MAX, UINT64_MAX, UINT64_MAX}; }
};

// Counts one stream's progress against the limits. One thread.
class StreamBudget {
 public:
  explicit StreamBudget(const StreamLimits& limits) : limits_(limits) {}

  void count_entry() {
    if (++entries_ > limits_.entries) exceeded("entries", limits_.entries);
  }
  void count_bytes(std::uint64_t n) {
    bytes_ += n;
    if (bytes_ > limits_.bytes) exceeded("bytes", limits_.bytes);
  }
  void check_ratio(std::uint64_t decoded, std::uint64_t received) const {
    if (decoded < kRatioFrom || limits_.ratio == UINT64_MAX) return;
    if (decoded / limits_.ratio > received) exceeded("decoded bytes for one received", limits_.ratio);
  }

 private:
  static constexpr std::uint64_t kRatioFrom = 64 << 20;
  [[noreturn]] static void exceeded(const char* what, std::uint64_t limit) {
    throw bad_archive("stream has more than " + std::to_string(limit) + " " + what);
  }

  const StreamLimits limits_;
  std::uint64_t entries_ = 0, bytes_ = 0;
};

}  // namespace concourse::baggageclaim
