// Orders what changes a container against its destruction: what a destruction undoes and removes doesn't change any more once it
// has begun. Thread-safe.
#pragma once

#include <atomic>
#include <shared_mutex>

#include "common/base/error.hpp"

namespace concourse::garden {

class Lifetime {
 public:
  using Change = std::shared_lock<std::shared_mutex>;

  // Held while the container's record, properties or network are changed: its destruction waits, so only for what is short. Throws
  // Error(conflict) once that has begun. One at a time for each thread.
  [[nodiscard]] Change change() {
    Change held(changes_);
    if (ending_) throw Error(ErrorKind::conflict, "container is being destroyed");
    return held;
  }

  // Waits for the changes under way and lets no more begin. False if it has been called already.
  bool begin_end() {
    if (ending_.exchange(true)) return false;
    const std::unique_lock wait(changes_);
    return true;
  }
  // It couldn't be destroyed, and that may be tried again.
  void end_failed() { ending_ = false; }
  // Its destruction has begun, and perhaps ended.
  bool ending() const { return ending_; }

 private:
  std::shared_mutex changes_;
  std::atomic<bool> ending_ = false;
};

}  // namespace concourse::garden
