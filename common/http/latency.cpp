#include "common/http/latency.hpp"

namespace concourse::http {

void Latency::add(Duration took, bool failed) {
  ++count_;
  if (failed) ++failed_;
  microseconds_ += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  const auto seconds = std::chrono::duration<double>(took).count();
  for (std::size_t i = 0; i < kBounds.size(); ++i)
    if (seconds <= kBounds[i]) ++buckets_[i];
}

Json Latency::to_json() const {
  Json buckets = Json::array();
  for (const auto& bucket : buckets_) buckets.push_back(bucket.load());
  return {{"count", count_.load()},
          {"failed", failed_.load()},
          {"seconds", static_cast<double>(microseconds_) / 1e6},
          {"buckets", buckets}};
}

}  // namespace concourse::http
