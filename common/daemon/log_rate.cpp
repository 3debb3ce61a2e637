#include "common/daemon/log_rate.hpp"

#include <algorithm>
#include <utility>

namespace concourse::log {

std::optional<std::uint64_t> RateLimit::pass(std::string_view event, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(event);
  if (found == buckets_.end()) found = buckets_.emplace(event, Bucket{burst_, now}).first;
  auto& bucket = found->second;
  const std::chrono::duration<double> passed = now - std::exchange(bucket.since, now);
  bucket.left = std::min(burst_, bucket.left + std::max(0.0, passed.count()) * per_second_);
  if (bucket.left < 1) {
    ++bucket.left_out;
    return std::nullopt;
  }
  bucket.left -= 1;
  return std::exchange(bucket.left_out, 0);
}

}  // namespace concourse::log
