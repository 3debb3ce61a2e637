// The worker's presence in the cluster: always one registration, made again when it breaks, moved to another TSA now and then, and
// taken through land, retire, delete and stop.
//
//   current_   the registration that counts; the web knows its address
//   next_      the one that will take its place: registered first, then the old one is stopped (make before break)
//   draining_  stopped ones whose open connections are going to their end
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "common/loop/event_loop.hpp"
#include "services/beacon/background.hpp"
#include "services/beacon/backoff.hpp"
#include "services/beacon/disk_pressure.hpp"
#include "services/beacon/drain.hpp"
#include "services/beacon/occupancy.hpp"
#include "services/beacon/options.hpp"
#include "services/beacon/registration.hpp"
#include "services/beacon/sweeper.hpp"

namespace concourse::beacon {

class Beacon {
 public:
  // `on_finished` gets the exit status (common/protocol/beacon.hpp), once. `on_state` gets a line for the service manager.
  // `on_registered` is called each time the web knows of us. `options` must outlive it.
  Beacon(EventLoop& loop, const Options& options, std::function<void(int status)> on_finished,
         std::function<void(const std::string&)> on_state, std::function<void()> on_registered);
  ~Beacon();
  Beacon(const Beacon&) = delete;
  Beacon& operator=(const Beacon&) = delete;

  // What the operator can ask for. Each answers at once; status() tells how it goes. Throws Error(conflict) for what can't be now.
  void land(std::optional<std::int64_t> deadline_seconds = {});  // its own deadline, from now, in place of --drain-timeout
  void retire(std::optional<std::int64_t> deadline_seconds = {});
  void remove();  // delete-worker, then the end
  void resume();  // takes land or retire back
  void reconnect();
  void rebalance();
  void stop();       // in place: the worker will come back
  void hand_over();  // to a successor that isn't there yet: only the registration goes on
  void take_back();  // there is no successor after all
  void leave();      // the successor has registered: open connections go to their end

  // Whether our own supervisor is the manager, which starts successors itself.
  bool supervised() const;

  Json status() const;

 private:
  // A command that the TSA must have done: sent again until it has.
  struct Wish {
    const char* verb = nullptr;
    bool sent = false, done = false;
    int attempts = 0;
    std::string error;
    Backoff backoff{std::chrono::seconds(1), std::chrono::seconds(3), std::chrono::seconds(30)};
  };

  std::unique_ptr<Registration> open(const std::string& avoid);
  void begin_sweeps();
  void connect();
  void connect_later();
  void registered(Registration* registration);
  void ended(Registration* registration, RegistrationEnd how, const std::string& reason);
  void current_ended(RegistrationEnd how, const std::string& reason);
  void say_farewell();
  void open_next(const char* why);
  void drop(std::unique_ptr<Registration> registration);
  void begin_drain(Drain drain, const char* verb, std::optional<std::int64_t> deadline_seconds = {});
  void send_wish();
  void wish_answered(const std::optional<ssh::CommandResult>& result, const std::string& error);
  bool draining() const { return drain_.drain != Drain::none; }
  std::chrono::seconds drain_limit() const;  // from its beginning; zero: none
  bool limited() const { return drain_limit() > Duration::zero(); }
  std::int64_t drained_seconds() const;
  std::int64_t drain_seconds_left() const;  // of drain_limit()
  std::string waits_for() const;            // in words; only while draining
  std::string drain_line() const;
  Json drain_status() const;
  void check_drain();
  void tell_progress();
  void drain_expired();
  void stop_step();
  void finish(int status);
  void tick();
  void check_current();
  void check_draining();
  void check_disk();
  void say_state();
  std::string worker_json() const;
  std::string state() const;
  Link* link() const;  // of a registration that is complete

  EventLoop& loop_;
  const Options& options_;
  std::function<void(int)> on_finished_;
  std::function<void(const std::string&)> on_state_;
  std::function<void()> on_registered_;
  Background background_;
  protocol::tsa::Worker worker_;
  DrainState drain_;
  Occupancy occupancy_;
  DiskPressure disk_pressure_;
  std::optional<Wish> wish_;
  std::unique_ptr<Registration> current_, next_;
  std::vector<std::unique_ptr<Registration>> draining_;
  std::unique_ptr<Sweeper> container_sweeper_, volume_sweeper_;
  Backoff backoff_{std::chrono::seconds(1), std::chrono::seconds(5), std::chrono::seconds(30)};
  EventLoop::TimerId connect_timer_ = 0, rebalance_timer_ = 0, tick_timer_ = 0, wish_timer_ = 0, stop_timer_ = 0;
  bool stopping_ = false, finished_ = false;
  bool handed_over_ = false, leaving_ = false;
  bool next_says_running_ = false;  // while a drain has begun
  int stop_status_ = 0;
  Clock::time_point stopping_since_{}, next_allowed_{}, asked_{}, progress_told_{};
  std::string waits_for_;                        // as last told
  std::optional<Clock::time_point> complained_;  // about a registration that takes long
  std::uint64_t connects_ = 0, losses_ = 0, heartbeats_ = 0;
  LinkStats past_;                             // of links that are gone
  std::string last_error_, said_, lost_host_;  // the host that failed us last is tried after the others
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
