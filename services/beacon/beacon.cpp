#include "services/beacon/beacon.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/beacon.hpp"
#include "common/protocol/paths.hpp"
#include "services/beacon/farewell.hpp"
#include "services/beacon/resource_types.hpp"

namespace concourse::beacon {

namespace {

namespace tsa = protocol::tsa;

constexpr auto kNextPause = std::chrono::seconds(30);  // between attempts at one
constexpr auto kStopQuiet = std::chrono::milliseconds(200);
constexpr auto kLeaveQuiet = std::chrono::seconds(5);
constexpr std::size_t kMaxDraining = 4;
constexpr auto kCutShortStop = std::chrono::seconds(4);  // of a drain that has taken too long already

const char* verb_of(Drain drain) { return drain == Drain::landing ? tsa::kLandWorker : tsa::kRetireWorker; }

}  // namespace

Beacon::Beacon(EventLoop& loop, const Options& options, std::function<void(int)> on_finished,
               std::function<void(const std::string&)> on_state, std::function<void()> on_registered)
    : loop_(loop),
      options_(options),
      on_finished_(std::move(on_finished)),
      on_state_(std::move(on_state)),
      on_registered_(std::move(on_registered)),
      background_(loop),
      worker_(options.worker),
      drain_(read_drain_mark(options.runtime_dir)),
      occupancy_(background_, options_.garden),
      disk_pressure_(background_, protocol::control_socket(options_.runtime_dir, "baggageclaim")) {
  if (options_.resource_types)
    worker_.resource_types =
        discover_resource_types(*options_.resource_types, [](const std::string& entry, const std::string& reason) {
          log::error("resource type left out", {{"entry", entry}, {"reason", reason}});
        });
  log::info("worker", {{"name", worker_.name},
                       {"version", worker_.version},
                       {"team", worker_.team},
                       {"tags", worker_.tags},
                       {"resource_types", static_cast<std::uint64_t>(worker_.resource_types.size())},
                       {"tsa_hosts", options_.tsa.hosts}});
  if (draining())
    log::info("going on with a drain that was under way", {{"state", word_of(drain_.drain)}, {"seconds", drained_seconds()}});
  begin_sweeps();
  tick_timer_ = loop_.every(std::chrono::seconds(1), [this] { tick(); });
  if (draining()) wish_ = Wish{.verb = verb_of(drain_.drain)};
  connect();
}

Beacon::~Beacon() {
  for (const auto timer : {connect_timer_, rebalance_timer_, tick_timer_, wish_timer_, stop_timer_}) loop_.cancel(timer);
}

// And the moves to another TSA: what a beacon does that isn't handing over.
void Beacon::begin_sweeps() {
  const auto link_of = [this] { return link(); };
  container_sweeper_ =
      std::make_unique<Sweeper>(loop_, background_, container_sweep(), options_.garden, options_.containers_in_flight,
                                options_.sweep_interval, tsa::to_json(worker_), link_of);
  volume_sweeper_ = std::make_unique<Sweeper>(loop_, background_, volume_sweep(), options_.baggageclaim, options_.volumes_in_flight,
                                              options_.sweep_interval, tsa::to_json(worker_), link_of);
  if (options_.rebalance_interval > Duration::zero())
    rebalance_timer_ = loop_.every(options_.rebalance_interval, [this] {
      if (!draining() && link() != nullptr) open_next("rebalance interval");
    });
}

std::string Beacon::worker_json() const {
  auto worker = worker_;
  worker.state = word_of(drain_.drain);
  return tsa::to_json(worker);
}

Link* Beacon::link() const { return current_ && current_->registered() && !stopping_ ? current_->link() : nullptr; }

std::unique_ptr<Registration> Beacon::open(const std::string& avoid) {
  auto hosts = options_.tsa.shuffled_hosts();
  std::stable_partition(hosts.begin(), hosts.end(), [&avoid](const auto& host) { return host != avoid; });
  ++connects_;
  // The registration can't name itself before it exists, and calls nothing before we return.
  auto self = std::make_shared<Registration*>(nullptr);
  auto registration = std::make_unique<Registration>(
      loop_, background_, options_, std::move(hosts), worker_json(),
      Registration::Callbacks{[this, self] { registered(*self); }, [this] { ++heartbeats_; },
                              [this, self](RegistrationEnd how, const std::string& reason) { ended(*self, how, reason); }});
  *self = registration.get();
  return registration;
}

void Beacon::connect() {
  loop_.cancel(connect_timer_);
  connect_timer_ = 0;
  complained_.reset();
  current_ = open(lost_host_);
  say_state();
}

void Beacon::connect_later() {
  const auto wait = backoff_.next();
  log::info("connecting again", {{"in_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()}});
  connect_timer_ = loop_.after(wait, [this] { connect(); });
}

// A registration may be on the stack above us: it goes when the loop comes round again.
void Beacon::drop(std::unique_ptr<Registration> registration) {
  if (!registration) return;
  if (const Link* link = registration->link()) {
    const auto& stats = link->stats();
    past_.forwarded_in += stats.forwarded_in, past_.forwarded_out += stats.forwarded_out;
    past_.wire_in += stats.wire_in, past_.wire_out += stats.wire_out;
    past_.channels_opened += stats.channels_opened;
  }
  loop_.post([holder = std::shared_ptr<Registration>(std::move(registration))]() mutable { holder.reset(); });
}

void Beacon::registered(Registration* registration) {
  log::info("registered", {{"tsa", registration->host()}, {"state", draining() ? word_of(drain_.drain) : "running"}});
  if (registration == next_.get()) {
    auto old = std::exchange(current_, std::move(next_));
    if (old) {
      log::info(
          "old connection draining",
          {{"tsa", old->host()}, {"channels", static_cast<std::uint64_t>(old->link() != nullptr ? old->link()->channels() : 0)}});
      old->stop();
      draining_.push_back(std::move(old));
    }
  }
  next_says_running_ = next_says_running_ && next_ != nullptr;
  backoff_.reset();
  last_error_.clear();
  on_registered_();
  send_wish();
  say_state();
}

void Beacon::ended(Registration* registration, RegistrationEnd how, const std::string& reason) {
  if (registration == current_.get()) {
    lost_host_ = registration->host();
    drop(std::move(current_));
    current_ended(how, reason);
  } else if (registration == next_.get()) {
    log::warn("second connection failed, staying with the first", {{"error", reason}});
    last_error_ = reason;
    drop(std::move(next_));
    next_allowed_ = Clock::now() + kNextPause;
    next_says_running_ = false;
    send_wish();
  } else {
    const auto found =
        std::find_if(draining_.begin(), draining_.end(), [&](const auto& owned) { return owned.get() == registration; });
    if (found == draining_.end()) return;
    log::info("old connection ended",
              {{"tsa", registration->host()}, {"reason", how == RegistrationEnd::drained ? "drained" : reason}});
    drop(std::move(*found));
    draining_.erase(found);
  }
  say_state();
}

void Beacon::current_ended(RegistrationEnd how, const std::string& reason) {
  if (stopping_) return;  // stop_step() sees it
  if (how == RegistrationEnd::over) {
    const int status = drain_.drain == Drain::landing    ? protocol::beacon::kExitLanded
                       : drain_.drain == Drain::retiring ? protocol::beacon::kExitRetired
                                                         : protocol::beacon::kExitGone;
    log::info("registration over", {{"exit_status", status}, {"drain", word_of(drain_.drain)}, {"reason", reason}});
    if (status == protocol::beacon::kExitRetired && options_.garden.is_unix()) return say_farewell();
    return finish(status);
  }
  ++losses_;
  last_error_ = reason;
  if (how == RegistrationEnd::refused) log::error("registration refused", {{"error", reason}});
  else log::warn("no connection to a TSA", {{"error", reason}});
  if (wish_ && !wish_->done) wish_->sent = false;
  if (next_) current_ = std::move(next_);
  else connect_later();
}

// A Garden that isn't ours may serve others.
void Beacon::say_farewell() {
  stopping_ = true;
  stopping_since_ = Clock::now();
  container_sweeper_.reset();
  volume_sweeper_.reset();
  background_.run(
      std::weak_ptr<void>(alive_), [this] { return destroy_all_containers(options_.garden); },
      [this](const std::optional<std::size_t>& destroyed, const std::string& error) {
        if (!destroyed) log::warn("containers of the retired worker are left", {{"error", error}});
        else if (*destroyed > 0)
          log::info("containers of the retired worker destroyed", {{"count", static_cast<std::uint64_t>(*destroyed)}});
        finish(protocol::beacon::kExitRetired);
      });
}

void Beacon::open_next(const char* why) {
  if (next_ || stopping_ || !current_ || draining_.size() >= kMaxDraining || Clock::now() < next_allowed_) return;
  log::info("opening a second connection", {{"reason", why}});
  next_ = open(current_->host());
}

void Beacon::reconnect() {
  if (stopping_) throw Error(ErrorKind::conflict, "the beacon is stopping");
  drop(std::move(next_));
  drop(std::move(current_));
  if (wish_ && !wish_->done) wish_->sent = false;
  backoff_.reset();
  connect();
}

void Beacon::rebalance() {
  if (stopping_) throw Error(ErrorKind::conflict, "the beacon is stopping");
  if (link() == nullptr) throw Error(ErrorKind::conflict, "there is no registration to move");
  if (next_) throw Error(ErrorKind::conflict, "a second connection is being made already");
  if (draining_.size() >= kMaxDraining) throw Error(ErrorKind::conflict, "too many old connections are still draining");
  next_allowed_ = {};
  open_next("asked");
}

void Beacon::hand_over() {
  if (stopping_) throw Error(ErrorKind::conflict, "the beacon is stopping");
  log::info("handing over to a successor", {});
  handed_over_ = true;
  loop_.cancel(rebalance_timer_);
  container_sweeper_.reset();
  volume_sweeper_.reset();
}

void Beacon::take_back() {
  if (!std::exchange(handed_over_, false) || stopping_) return;
  begin_sweeps();
  // The successor may have been asked for a drain, or to take one back.
  const auto wanted = read_drain_mark(options_.runtime_dir);
  if (wanted.drain == drain_.drain) return;
  if (wanted.drain == Drain::none) return resume();
  drain_ = wanted;
  wish_ = Wish{.verb = verb_of(wanted.drain)};
  send_wish();
}

bool Beacon::supervised() const {
  const char* manager = std::getenv("NOTIFY_SOCKET");
  return manager != nullptr && protocol::notify_socket(options_.runtime_dir) == manager;
}

void Beacon::leave() {
  if (!handed_over_) return log::warn("nobody to leave the worker to", {});
  if (stopping_) return;
  leaving_ = true;
  stop();
}

void Beacon::stop() {
  if (stopping_) {
    leaving_ = false;
    return;
  }
  stopping_ = true;
  stopping_since_ = Clock::now();
  log::info("stopping", {});
  for (const auto timer : {connect_timer_, rebalance_timer_, wish_timer_}) loop_.cancel(timer);
  container_sweeper_.reset();
  volume_sweeper_.reset();
  drop(std::move(next_));
  if (current_) current_->stop();
  stop_timer_ = loop_.every(std::chrono::milliseconds(50), [this] { stop_step(); });
  say_state();
}

// Ends when every registration has, or when there is nothing left to wait for.
void Beacon::stop_step() {
  const auto now = Clock::now();
  std::size_t channels = 0, registrations = 0;
  auto last_moved = stopping_since_;
  const auto look = [&](const std::unique_ptr<Registration>& registration) {
    if (!registration) return;
    ++registrations;
    if (Link* link = registration->link()) {
      link->cut_channels(leaving_ ? ForwardedChannel::Cut::idle : ForwardedChannel::Cut::streams_too,
                         leaving_ ? kLeaveQuiet : kStopQuiet);
      channels += link->channels();
      last_moved = std::max(last_moved, link->last_forwarded());
    }
  };
  look(current_);
  for (const auto& registration : draining_) look(registration);

  constexpr auto kPatience = std::chrono::seconds(2);  // for a TSA to say that it has seen the last connection end
  const bool idle_too_long =
      (options_.connection_drain_timeout > Duration::zero() && now - last_moved > options_.connection_drain_timeout) ||
      (stop_status_ == protocol::beacon::kExitDrainTimeout && now - stopping_since_ > kCutShortStop);
  if (registrations > 0 && channels > 0 && !idle_too_long) return;
  if (registrations > 0 && channels == 0 && now - last_moved < kPatience) return;
  if (channels > 0)
    log::warn("connections cut at the end of the drain timeout",
              {{"channels", static_cast<std::uint64_t>(channels)},
               {"limit", stop_status_ == protocol::beacon::kExitDrainTimeout
                             ? "the end of the drain"
                             : duration_text(options_.connection_drain_timeout) + " (--connection-drain-timeout)"}});
  finish(stop_status_);
}

void Beacon::finish(int status) {
  if (finished_) return;
  finished_ = true;
  loop_.cancel(stop_timer_);
  // A stop in place isn't the end of a drain: whoever starts us again goes on with it.
  if (status != protocol::beacon::kExitStopped) write_drain_mark(options_.runtime_dir, {});
  on_finished_(status);
}

}  // namespace concourse::beacon
