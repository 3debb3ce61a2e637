#include "services/beacon/disk_pressure.hpp"

#include "common/base/json.hpp"
#include "common/daemon/control.hpp"
#include "common/daemon/log.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kLookEvery = std::chrono::seconds(3);
constexpr auto kDiskAnswerLimit = std::chrono::seconds(10);
constexpr auto kSweepPause = std::chrono::seconds(10);  // between two sweeps; a third of the usual interval

// Why the disk is low; nothing if it isn't.
std::optional<std::string> ask_disk(const std::filesystem::path& control) {
  const auto answer = daemon::ask(control, {{"command", "status"}}, Deadline::in(kDiskAnswerLimit));
  const Json* disk = find_field(answer, "disk");
  if (disk == nullptr || !disk->is_object()) return std::nullopt;
  const auto state = string_field(*disk, "state", "ok");
  if (state == "ok") return std::nullopt;
  return string_field(*disk, "why");
}

}  // namespace

bool SweepPace::due(bool low, Clock::time_point now) {
  if (!low) return last_.reset(), false;
  if (last_ && now - *last_ < kSweepPause) return false;
  last_ = now;
  return true;
}

void DiskPressure::watch(const std::function<void()>& sweep) {
  const auto now = Clock::now();
  if (asking_ || (asked_ != Clock::time_point{} && now - asked_ < kLookEvery)) return;
  asking_ = true;
  asked_ = now;
  background_.run(
      std::weak_ptr<void>(alive_), [control = control_] { return ask_disk(control); },
      [this, sweep](const std::optional<std::optional<std::string>>& answer, const std::string&) {
        asking_ = false;
        if (!answer) return;  // BaggageClaim is away: others notice that
        const bool low = answer->has_value();
        if (low && !low_) log::info("the disk is low: sweeping at once, and more often", {{"why", **answer}});
        if (!low && low_) log::info("the disk has room again: sweeping as usual", {});
        low_ = low;
        if (pace_.due(low, Clock::now())) sweep();
      });
}

}  // namespace concourse::beacon
