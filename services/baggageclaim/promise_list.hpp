// Asynchronous creations by handle. In memory only; future_journal.hpp brings them over a restart.
//
//   (absent) -- begin --> pending -- fulfill --> fulfilled -- remove, expiry --> (absent)
//                            |------ reject ---> rejected  -- remove, expiry --> (absent)
//                            |------ remove ---> (absent), and the creation learns at its end that nobody wants the volume
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/http/wakeup.hpp"
#include "common/protocol/baggageclaim.hpp"

namespace concourse::baggageclaim {

// Why a creation failed, as a poll reports it.
struct Rejection {
  int status = 500;
  std::string message;
};

class PromiseList {
 public:
  using Result = std::variant<std::monostate, protocol::baggageclaim::Volume, Rejection>;  // monostate: pending

  // One creation's claim on its entry.
  class Ticket {
   public:
    // Set once the promise has been removed: the creation may stop early.
    std::stop_token stop_token() const { return stop_.get_token(); }

   private:
    friend class PromiseList;
    std::stop_source stop_;
  };

  explicit PromiseList(Duration expiry = std::chrono::hours(1)) : expiry_(expiry) {}

  // A new pending entry. Nothing if there is one that is pending or fulfilled: its poll will tell; a rejected one is replaced.
  std::shared_ptr<Ticket> begin(const std::string& handle);

  // False if the promise was removed meanwhile: the caller destroys what it made.
  bool fulfill(const std::string& handle, const std::shared_ptr<Ticket>& ticket, protocol::baggageclaim::Volume volume);
  void reject(const std::string& handle, const std::shared_ptr<Ticket>& ticket, Rejection rejection);

  // Nothing for an unknown handle. If it is pending, `on_change` (if there is one, and as long as its owner keeps it) is woken once
  // it isn't any more or the end has come: at once, if it has come already.
  std::optional<Result> poll(const std::string& handle, const std::shared_ptr<http::Wakeup>& on_change = nullptr);
  // False for an unknown handle.
  bool remove(const std::string& handle);

  // We end: creations may stop early, and nobody waits for them any more. Their entries stay pending, because a successor goes on
  // with them.
  void abandon();

  std::size_t size() const;

 private:
  using Waiting = std::vector<std::weak_ptr<http::Wakeup>>;
  struct Entry {
    std::shared_ptr<Ticket> ticket;
    Result result;
    Clock::time_point finished = Clock::time_point::max();
    Waiting waiting{};
  };
  static void wake(const Waiting& waiting);  // without the lock
  bool settle(const std::string& handle, const std::shared_ptr<Ticket>& ticket, Result result, bool also_at_end);
  Entry* find(const std::string& handle, const std::shared_ptr<Ticket>& ticket);
  void expire();

  const Duration expiry_;     // of a finished promise that nobody fetches
  mutable std::mutex mutex_;  // guards what follows
  bool abandoned_ = false;
  std::map<std::string, Entry> entries_;
};

}  // namespace concourse::baggageclaim
