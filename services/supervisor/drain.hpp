// Landing and retiring: one wish of the operator, told to the beacon until it is fulfilled, whatever happens to the beacon
// meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/json.hpp"
#include "common/loop/event_loop.hpp"
#include "services/supervisor/control_call.hpp"
#include "services/supervisor/service.hpp"

namespace concourse::supervisor {

enum class DrainMode { none, land, retire };

std::string_view name_of(DrainMode mode);           // "land", "retire", ""
DrainMode parse_drain_mode(std::string_view name);  // throws Error(invalid)

// What an end of the beacon that nobody here asked for means.
enum class BeaconEnd { crashed, landed, retired, let_go, drain_timeout };
BeaconEnd meaning_of(std::optional<os::ExitStatus> status);

class Drain {
 public:
  // The beacon ends a drain that takes longer than `limit` (zero: never), or than its own deadline. `expired` is called when it
  // doesn't.
  Drain(EventLoop& loop, Duration limit, std::function<void()> expired);

  // Takes the wish and tells the beacon, which is told again each time it has a new process. Retiring includes landing, so it can
  // follow it and is never taken back by it. A `deadline`, from now, counts instead of `limit` and of an earlier one. `drained` is
  // how long it has been going on, under an earlier supervisor.
  void request(DrainMode mode, Service* beacon, std::optional<Duration> deadline = {}, Duration drained = {});
  void cancel();
  void beacon_started(Service& beacon);

  // A retiring worker that is told to stop leaves the cluster at once instead of when its builds have ended. `done` is called
  // when the beacon has been asked and has ended, or can't be waited for any longer. False: nothing to do.
  bool delete_worker(std::function<void()> done);
  void beacon_ended();

  DrainMode mode() const { return mode_; }
  Duration limit() const { return own_limit_.value_or(limit_); }  // of this drain, from its beginning; zero: none
  bool has_own_deadline() const { return own_limit_.has_value(); }
  Json status() const;

 private:
  void tell();
  std::chrono::seconds left() const;  // of limit()
  void keep_limit();

  EventLoop& loop_;
  const Duration limit_;
  std::optional<Duration> own_limit_;
  std::function<void()> expired_, delete_done_;
  DrainMode mode_ = DrainMode::none;
  Service* beacon_ = nullptr;
  std::unique_ptr<ControlCall> call_;
  bool told_ = true;  // of the latest wish
  Clock::time_point since_{};
  EventLoop::TimerId retry_ = 0, limit_timer_ = 0, delete_timer_ = 0;
};

}  // namespace concourse::supervisor
