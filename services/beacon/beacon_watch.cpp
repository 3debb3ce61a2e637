// The beacon's once-a-second look at itself, and what it tells others about it.
#include <algorithm>

#include "common/daemon/log.hpp"
#include "services/beacon/beacon.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kRegisterComplaint = std::chrono::seconds(30);
constexpr auto kRegisterLimit = std::chrono::minutes(3);  // then another TSA is tried
constexpr auto kDrainQuiet = std::chrono::seconds(5);
constexpr auto kNextLimit = std::chrono::seconds(60);  // for a second registration, while the first one works

std::int64_t ms_since(Clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - when).count();
}

}  // namespace

void Beacon::tick() {
  if (stopping_) return;
  check_current();
  check_draining();
  check_drain();
  if (stopping_) return;
  check_disk();
  if (next_ && Clock::now() - next_->phase_since() > kNextLimit)
    ended(next_.get(), RegistrationEnd::lost, "it was not registered in time");
  say_state();
}

void Beacon::check_current() {
  if (!current_) return;
  const auto now = Clock::now();
  if (current_->registered()) {
    const auto last = current_->last_heartbeat();
    // The keepalives say that the TSA lives, so its web node is in trouble: another one may do better.
    if (last && now - *last > current_->heartbeat_limit()) open_next("no heartbeat in time");
    return;
  }
  if (current_->state() != "registering") return;
  const auto waited = now - current_->phase_since();
  if (waited > kRegisterLimit)
    return ended(current_.get(), RegistrationEnd::lost, "TSA " + current_->host() + " did not register the worker");
  if (waited < kRegisterComplaint || (complained_ && now - *complained_ < std::chrono::minutes(1))) return;
  complained_ = now;
  log::warn(
      "the TSA has not registered the worker yet: it first asks Garden and BaggageClaim through the tunnel, then the web node; "
      "is one of them down, or does --team name an unknown team?",
      {{"tsa", current_->host()},
       {"seconds", std::chrono::duration_cast<std::chrono::seconds>(waited).count()},
       {"connections_from_it", current_->link()->stats().channels_opened}});
}

// An old connection goes when the last of what it carries has ended. What the TSA's and the web's HTTP clients only keep open for
// later (a minute and a half) is ended as an HTTP server would; and where nothing has moved for the drain timeout, all is given up.
void Beacon::check_draining() {
  for (const auto& registration : draining_)
    if (Link* link = registration->link()) link->cut_channels(ForwardedChannel::Cut::idle, kDrainQuiet);
  if (options_.connection_drain_timeout <= Duration::zero()) return;
  std::vector<Registration*> given_up;
  for (const auto& registration : draining_) {
    const auto* link = registration->link();
    const auto idle_since = std::max(registration->phase_since(), link != nullptr ? link->last_forwarded() : Clock::time_point{});
    if (Clock::now() - idle_since > options_.connection_drain_timeout) given_up.push_back(registration.get());
  }
  const auto why = "idle for " + duration_text(options_.connection_drain_timeout) + " (--connection-drain-timeout)";
  for (auto* registration : given_up) ended(registration, RegistrationEnd::lost, why);
}

void Beacon::check_disk() {
  if (link() == nullptr || !container_sweeper_) return;
  disk_pressure_.watch([this] {
    if (!container_sweeper_) return;  // handed over meanwhile
    container_sweeper_->begin();
    volume_sweeper_->begin();
  });
}

std::string Beacon::state() const {
  if (stopping_) return "stopping";
  if (!current_) return "waiting";
  if (!current_->registered() || !draining()) return current_->state();
  return word_of(drain_.drain);
}

void Beacon::say_state() {
  std::string line = state();
  if (draining() && !stopping_) line = drain_line();
  else if (current_ && !current_->host().empty()) line += " with TSA " + current_->host();
  else if (!last_error_.empty()) line += ": " + last_error_;
  if (line == said_) return;
  said_ = line;
  on_state_(line);
}

Json Beacon::status() const {
  Json status = {{"state", state()},  {"name", worker_.name},      {"drain", word_of(drain_.drain)}, {"connects", connects_},
                 {"losses", losses_}, {"heartbeats", heartbeats_}, {"last_error", last_error_}};
  LinkStats sum = past_;
  std::size_t channels = 0;
  const auto describe = [&](const Registration& registration) {
    Json one = {{"state", registration.state()}, {"tsa", registration.host()}, {"since_ms", ms_since(registration.phase_since())}};
    if (const auto at = registration.registered_at()) one["registered_ms"] = ms_since(*at);
    if (const auto at = registration.last_heartbeat()) one["heartbeat_age_ms"] = ms_since(*at);
    if (const auto* link = registration.link()) {
      const auto& stats = link->stats();
      one["channels"] = link->channels();
      one["idle_ms"] = ms_since(link->last_forwarded());
      if (const auto trip = link->round_trip())
        one["round_trip_us"] = std::chrono::duration_cast<std::chrono::microseconds>(*trip).count();
      channels += link->channels();
      sum.forwarded_in += stats.forwarded_in, sum.forwarded_out += stats.forwarded_out;
      sum.wire_in += stats.wire_in, sum.wire_out += stats.wire_out;
      sum.channels_opened += stats.channels_opened;
    }
    return one;
  };
  if (current_) status["current"] = describe(*current_);
  if (next_) status["next"] = describe(*next_);
  status["draining"] = Json::array();
  for (const auto& registration : draining_) status["draining"].push_back(describe(*registration));
  status["channels"] = channels;
  status["bytes"] = {{"to_services", sum.forwarded_in},
                     {"from_services", sum.forwarded_out},
                     {"wire_in", sum.wire_in},
                     {"wire_out", sum.wire_out}};
  status["channels_opened"] = sum.channels_opened;
  if (draining()) status["drain_progress"] = drain_status();
  if (wish_)
    status["command"] = {{"verb", wish_->verb},
                         {"state", wish_->done            ? "done"
                                   : wish_->sent          ? "sent"
                                   : wish_->attempts == 0 ? "waiting"
                                                          : "failed"},
                         {"attempts", wish_->attempts},
                         {"error", wish_->error}};
  if (container_sweeper_) status["sweeps"] = {{"containers", container_sweeper_->status()}, {"volumes", volume_sweeper_->status()}};
  return status;
}

}  // namespace concourse::beacon
