#include "services/supervisor/drain.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "common/config/parser.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/beacon.hpp"

namespace concourse::supervisor {

namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(10);
constexpr auto kRetry = std::chrono::seconds(1);
constexpr auto kDeleteLimit = std::chrono::seconds(3);   // from delete to the beacon's end
constexpr auto kBeaconFirst = std::chrono::seconds(10);  // to end a drain by itself, once its time is over

}  // namespace

std::string_view name_of(DrainMode mode) {
  switch (mode) {
    case DrainMode::none: return "";
    case DrainMode::land: return protocol::beacon::kLand;
    case DrainMode::retire: return protocol::beacon::kRetire;
  }
  return "";
}

DrainMode parse_drain_mode(std::string_view name) {
  for (const auto mode : {DrainMode::land, DrainMode::retire})
    if (name_of(mode) == name) return mode;
  throw Error(ErrorKind::invalid, "'" + std::string(name) + "' is not a way to drain: land, retire, stop or cancel");
}

BeaconEnd meaning_of(std::optional<os::ExitStatus> status) {
  if (!status || status->signal != 0) return BeaconEnd::crashed;
  switch (status->code) {
    case protocol::beacon::kExitLanded: return BeaconEnd::landed;
    case protocol::beacon::kExitRetired: return BeaconEnd::retired;
    case protocol::beacon::kExitGone: return BeaconEnd::let_go;
    case protocol::beacon::kExitDrainTimeout: return BeaconEnd::drain_timeout;
    default: return BeaconEnd::crashed;
  }
}

Drain::Drain(EventLoop& loop, Duration limit, std::function<void()> expired)
    : loop_(loop), limit_(limit), expired_(std::move(expired)) {}

void Drain::request(DrainMode mode, Service* beacon, std::optional<Duration> deadline, Duration drained) {
  const bool under_way = mode_ == DrainMode::retire || mode_ == mode;
  if (under_way && !deadline) return log::info("already draining", {{"mode", name_of(mode_)}});
  if (mode_ == DrainMode::none) since_ = Clock::now() - drained;
  if (deadline) own_limit_ = Clock::now() - since_ + *deadline;
  keep_limit();
  if (!under_way) mode_ = mode;
  beacon_ = beacon;
  log::info("draining", {{"mode", name_of(mode_)},
                         {"left", limit() > Duration::zero() ? config::duration_text(left()) : "no limit"},
                         {"own_deadline", has_own_deadline()}});
  tell();
}

std::chrono::seconds Drain::left() const {
  return std::max(std::chrono::ceil<std::chrono::seconds>(limit() - (Clock::now() - since_)), std::chrono::seconds(0));
}

void Drain::keep_limit() {
  loop_.cancel(std::exchange(limit_timer_, 0));
  if (limit() > Duration::zero()) limit_timer_ = loop_.after(left() + kBeaconFirst, expired_);
}

void Drain::cancel() {
  if (mode_ == DrainMode::none) throw Error(ErrorKind::conflict, "the worker isn't draining");
  log::info("drain taken back", {{"mode", name_of(mode_)}});
  loop_.cancel(std::exchange(limit_timer_, 0));
  mode_ = DrainMode::none;
  own_limit_.reset();
  tell();
}

void Drain::beacon_started(Service& beacon) {
  beacon_ = &beacon;
  if (mode_ != DrainMode::none || !told_) tell();  // not told: that a drain was taken back
}

void Drain::tell() {
  told_ = false;
  loop_.cancel(std::exchange(retry_, 0));
  if (beacon_ == nullptr || !beacon_->up()) return;  // told when it has a process again
  const std::string command(mode_ == DrainMode::none ? protocol::beacon::kResume : name_of(mode_));
  Json question = {{"command", command}};
  if (mode_ != DrainMode::none && own_limit_)
    question[protocol::beacon::kDeadlineSeconds] = std::max<std::int64_t>(left().count(), 1);
  call_ = std::make_unique<ControlCall>(
      loop_, beacon_->spec().listeners.at(0).path, question, kAnswerLimit, [this, command](const Json&, const std::string& error) {
        told_ = error.empty();
        if (told_) return log::info("beacon told", {{"command", command}});
        log::warn("beacon could not be told, trying again", {{"command", command}, {"error", error}});
        retry_ = loop_.after(kRetry, [this] { tell(); });
      });
}

bool Drain::delete_worker(std::function<void()> done) {
  if (mode_ != DrainMode::retire || beacon_ == nullptr || !beacon_->up()) return false;
  log::info("leaving the cluster at once", {});
  loop_.cancel(std::exchange(retry_, 0));
  delete_done_ = std::move(done);
  delete_timer_ = loop_.after(kDeleteLimit, [this] { beacon_ended(); });
  call_ = std::make_unique<ControlCall>(loop_, beacon_->spec().listeners.at(0).path, Json{{"command", protocol::beacon::kDelete}},
                                        kAnswerLimit, [this](const Json&, const std::string& error) {
                                          if (error.empty()) return;
                                          log::warn("the worker could not be deleted", {{"error", error}});
                                          beacon_ended();
                                        });
  return true;
}

void Drain::beacon_ended() {
  loop_.cancel(std::exchange(delete_timer_, 0));
  if (const auto done = std::exchange(delete_done_, nullptr)) done();
}

Json Drain::status() const {
  Json out = {{"mode", name_of(mode_)}};
  if (mode_ == DrainMode::none) return out;
  out["seconds"] = std::chrono::floor<std::chrono::seconds>(Clock::now() - since_).count();
  out["beacon_told"] = told_;
  if (limit() <= Duration::zero()) return out;
  out["limit"] = config::duration_text(own_limit_ ? std::chrono::floor<std::chrono::seconds>(*own_limit_) : limit_);
  out["seconds_left"] = left().count();
  out["own_deadline"] = has_own_deadline();
  return out;
}

}  // namespace concourse::supervisor
