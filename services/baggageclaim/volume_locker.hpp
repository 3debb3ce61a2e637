// Locks by handle. An entry lives as long as somebody holds or awaits it, so memory follows the requests, not the volumes.
//
// Two locks a handle:
//   state    exclusive: creating, destroying, changing metadata or the view; shared: opening the data, being copied from
//   content  exclusive only: a stream being extracted, an ownership walk, being copied from (which mustn't see half a stream)
// Order: at most one content, and that before any state; two states only by lock_pair(). Thread-safe.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "common/base/deadline.hpp"

namespace concourse::baggageclaim {

class VolumeLocker {
  struct Lock {
    unsigned shared = 0;
    bool exclusive = false;
  };
  struct Entry {
    Lock state, content;
    std::size_t users = 0;
    std::condition_variable changed;
  };

 public:
  enum class Which { state, content };
  enum class Mode { shared, exclusive };

  // A held lock; released when dropped, by any thread.
  class Held {
   public:
    Held() = default;
    Held(Held&& other) noexcept { *this = std::move(other); }
    Held& operator=(Held&& other) noexcept;
    ~Held() { release(); }
    void release();

   private:
    friend class VolumeLocker;
    VolumeLocker* locker_ = nullptr;
    std::string handle_;
    Which which_ = Which::state;
    Mode mode_ = Mode::shared;
  };

  // Waits for who is before us. Throws Error(timeout) past the deadline.
  Held lock(const std::string& handle, Which which, Mode mode, Deadline deadline = default_deadline());
  // Both states, in an order that can't deadlock: `first` exclusively, `second` shared. The same handle twice gives the first only.
  std::pair<Held, Held> lock_pair(const std::string& first, const std::string& second, Deadline deadline = default_deadline());

  std::size_t entries() const;

  // Longer than any reasonable stream or copy stands still.
  static Deadline default_deadline() { return Deadline::in(std::chrono::minutes(30)); }

 private:
  static Lock& part(Entry& entry, Which which) { return which == Which::state ? entry.state : entry.content; }
  void drop_user(const std::string& handle);

  mutable std::mutex mutex_;  // guards all entries
  std::map<std::string, std::unique_ptr<Entry>> entries_;
};

}  // namespace concourse::baggageclaim
