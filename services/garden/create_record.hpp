// How the last containers came about: each creation is a probe of whether this worker can still make any.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/json.hpp"

namespace concourse::garden {

class CreateRecord {  // thread-safe
 public:
  void made() {
    const std::lock_guard lock(mutex_);
    made_at_ = Clock::now();
    failures_in_a_row_ = 0;
    error_.clear();
  }
  void failed(std::string error) {
    const std::lock_guard lock(mutex_);
    ++failures_in_a_row_;
    error_ = std::move(error);
  }

  // {"last_made_ms":…,"failures_in_a_row":…,"error":"…"}; the first and the last only when there is something to say.
  Json status() const {
    const std::lock_guard lock(mutex_);
    Json out = {{"failures_in_a_row", failures_in_a_row_}};
    if (made_at_) out["last_made_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - *made_at_).count();
    if (!error_.empty()) out["error"] = error_;
    return out;
  }

 private:
  mutable std::mutex mutex_;  // guards all
  std::optional<Clock::time_point> made_at_;
  int failures_in_a_row_ = 0;
  std::string error_;
};

}  // namespace concourse::garden
