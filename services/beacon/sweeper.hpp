// Garbage collection of one kind of thing, containers or volumes: what is there is reported to the web node, and what it wants gone
// is destroyed. One round after the other, each begun by a timer:
//
//   list (local API) → report-… (TSA) → sweep-… (TSA) → destroy each (local API) → clean up (volumes)
//
// A round is one request in the logs, here and in the services that it asks (common/daemon/log_request.hpp).
//
// It fails closed: the web takes a report for the whole truth and forgets what isn't in it, so a list that is not surely whole is
// never reported. Asking what to destroy is always safe and goes on without a report.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "common/loop/event_loop.hpp"
#include "services/beacon/background.hpp"
#include "services/beacon/link.hpp"
#include "services/beacon/options.hpp"

namespace concourse::beacon {

// What differs between the kinds.
struct SweepKind {
  std::string what;           // "containers"
  std::string report, sweep;  // TSA commands
  std::string list_path;      // GET
  std::string destroy_path;   // DELETE, followed by the handle
  std::string clean_path;     // POST after the destroys; empty: none
  // The handles in the answer to the list. Throws Error(invalid) for anything but a whole list.
  std::function<std::vector<std::string>(const Json&)> handles_of;
};
SweepKind container_sweep();
SweepKind volume_sweep();

// What is there, sorted. Blocks; throws Error for anything but a whole list.
std::vector<std::string> list_handles(const LocalTarget& target, const SweepKind& kind, Duration limit);
// Blocks; one that isn't there is fine.
void destroy(const LocalTarget& target, const SweepKind& kind, const std::string& handle, Duration limit);

class Sweeper {
 public:
  // `worker` is the JSON that every command gets. `link_of` gives the connection of the current registration, or null when there is
  // none: then the round is left out.
  Sweeper(EventLoop& loop, Background& background, SweepKind kind, const LocalTarget& target, std::size_t max_in_flight,
          Duration interval, std::string worker, std::function<Link*()> link_of);
  ~Sweeper();

  // A round ahead of the timer; nothing if one is under way.
  void begin();

  Json status() const;

 private:
  void listed(std::optional<std::vector<std::string>> handles, const std::string& error);
  void report(const std::vector<std::string>& handles);
  void ask_what_to_destroy();
  void destroy_next();
  void destroyed(const std::string& handle, const std::string& error);
  void clean_up();
  void end_round();
  void problem(const char* step, const std::string& error);
  void command(const std::string& line, std::function<void(const ssh::CommandResult&)> on_success, std::function<void()> on_failure,
               const char* step);

  // A handle whose destruction failed: not tried again before `not_before`.
  struct Failure {
    int count = 0;
    Clock::time_point not_before{};
  };

  EventLoop& loop_;
  Background& background_;
  const SweepKind kind_;
  const LocalTarget& target_;
  const std::size_t max_in_flight_;
  const std::string worker_;
  std::function<Link*()> link_of_;

  bool running_ = false;
  std::deque<std::string> to_destroy_;
  std::size_t in_flight_ = 0, destroyed_this_round_ = 0;
  std::map<std::string, Failure> failures_;
  std::uint64_t rounds_ = 0, reports_ = 0, destroyed_ = 0, skipped_ = 0;
  std::size_t last_count_ = 0;
  std::string last_error_;
  Clock::time_point last_report_{};
  EventLoop::TimerId timer_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
