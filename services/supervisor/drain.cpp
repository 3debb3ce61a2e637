#include "services/supervisor/drain.hpp"

#include "common/base/error.hpp"
#include "common/config/parser.hpp"
#include "common/daemon/log.hpp"

namespace concourse::supervisor {

namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(10);
constexpr auto kRetry = std::chrono::seconds(1);

}  // namespace

std::string_view name_of(DrainMode mode) {
  switch (mode) {
    case DrainMode::none: return "";
    case DrainMode::land: return "land";
    case DrainMode::retire: return "retire";
  }
  return "";
}

DrainMode parse_drain_mode(std::string_view name) {
  for (const auto mode : {DrainMode::land, DrainMode::retire})
    if (name_of(mode) == name) return mode;
  throw Error(ErrorKind::invalid, "'" + std::string(name) + "' is not a way to drain: land, retire or stop");
}

Drain::Drain(EventLoop& loop, Duration limit, std::function<void()> expired)
    : loop_(loop), limit_(limit), expired_(std::move(expired)) {}

void Drain::request(DrainMode mode, Service* beacon) {
  if (mode_ == DrainMode::retire || mode_ == mode) {
    log::info("already draining", {{"mode", name_of(mode_)}});
    return;
  }
  if (mode_ == DrainMode::none) {
    since_ = Clock::now();
    if (limit_ > Duration::zero()) limit_timer_ = loop_.after(limit_, expired_);
  }
  mode_ = mode;
  beacon_ = beacon;
  log::info("draining", {{"mode", name_of(mode)}, {"limit", limit_ > Duration::zero() ? config::duration_text(limit_) : "none"}});
  tell();
}

void Drain::beacon_started(Service& beacon) {
  if (mode_ == DrainMode::none) return;
  beacon_ = &beacon;
  tell();
}

void Drain::tell() {
  told_ = false;
  loop_.cancel(std::exchange(retry_, 0));
  if (beacon_ == nullptr || !beacon_->up()) return;  // told when it has a process again
  call_ = std::make_unique<ControlCall>(
      loop_, beacon_->spec().listeners.at(0).path, Json{{"command", name_of(mode_)}}, kAnswerLimit,
      [this](const Json&, const std::string& error) {
        told_ = error.empty();
        if (told_) return log::info("beacon told to drain", {{"mode", name_of(mode_)}});
        log::warn("beacon could not be told to drain, trying again", {{"mode", name_of(mode_)}, {"error", error}});
        retry_ = loop_.after(kRetry, [this] { tell(); });
      });
}

bool Drain::is_done(std::optional<os::ExitStatus> status) const {
  return mode_ != DrainMode::none && told_ && (!status || (status->signal == 0 && status->code == 0));
}

Json Drain::status() const {
  Json out = {{"mode", name_of(mode_)}};
  if (mode_ == DrainMode::none) return out;
  out["seconds"] = std::chrono::floor<std::chrono::seconds>(Clock::now() - since_).count();
  out["beacon_told"] = told_;
  if (limit_ > Duration::zero()) out["limit"] = config::duration_text(limit_);
  return out;
}

}  // namespace concourse::supervisor
