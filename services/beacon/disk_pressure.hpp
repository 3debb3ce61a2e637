// Whether the disk of the volumes runs low, as BaggageClaim says; then the web is asked ahead of time for what may go. It can't be
// told in any other way: nothing in the worker's registration says how much room there is.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "common/base/deadline.hpp"
#include "services/beacon/background.hpp"

namespace concourse::beacon {

// When to sweep: at once when the disk has become low, and at a bounded rate for as long as it is.
class SweepPace {
 public:
  bool due(bool low, Clock::time_point now);

 private:
  std::optional<Clock::time_point> last_;
};

class DiskPressure {
 public:
  // `control`: BaggageClaim's control socket.
  DiskPressure(Background& background, std::filesystem::path control) : background_(background), control_(std::move(control)) {}

  // To be called often: asks BaggageClaim every few seconds. `sweep` is called from the loop when it is time for one.
  void watch(const std::function<void()>& sweep);

 private:
  Background& background_;
  const std::filesystem::path control_;
  SweepPace pace_;
  bool asking_ = false, low_ = false;
  Clock::time_point asked_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
