// Landing and retiring: one wish of the operator, told to the beacon until it is fulfilled, whatever happens to the beacon
// meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/json.hpp"
#include "common/loop/event_loop.hpp"
#include "services/supervisor/control_call.hpp"
#include "services/supervisor/service.hpp"

namespace concourse::supervisor {

enum class DrainMode { none, land, retire };

std::string_view name_of(DrainMode mode);           // "land", "retire", ""
DrainMode parse_drain_mode(std::string_view name);  // throws Error(invalid)

class Drain {
 public:
  // `expired` is called when the worker still drains after `limit` (zero: never).
  Drain(EventLoop& loop, Duration limit, std::function<void()> expired);

  // Takes the wish and tells the beacon. Retiring includes landing, so it can follow it and is never taken back by it.
  void request(DrainMode mode, Service* beacon);

  // The beacon has a (new) process: tells it again, if there is a wish.
  void beacon_started(Service& beacon);

  // Whether this end of the beacon is the end of the drain.
  bool is_done(std::optional<os::ExitStatus> status) const;

  DrainMode mode() const { return mode_; }
  Json status() const;

 private:
  void tell();

  EventLoop& loop_;
  Duration limit_;
  std::function<void()> expired_;
  DrainMode mode_ = DrainMode::none;
  Service* beacon_ = nullptr;
  std::unique_ptr<ControlCall> call_;
  bool told_ = false;
  Clock::time_point since_{};
  EventLoop::TimerId retry_ = 0, limit_timer_ = 0;
};

}  // namespace concourse::supervisor
