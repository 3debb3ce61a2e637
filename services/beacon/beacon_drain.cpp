// Land, retire and delete: the command that the TSA must take, and the wait for the web node to let the worker go.
#include <algorithm>
#include <string_view>

#include "common/base/error.hpp"
#include "common/config/parser.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/beacon.hpp"
#include "services/beacon/beacon.hpp"

namespace concourse::beacon {

namespace {

namespace tsa = protocol::tsa;

constexpr auto kWishLimit = std::chrono::seconds(60);
constexpr auto kDeleteLimit = std::chrono::seconds(3);    // when the drain has taken its time already
constexpr auto kAskEvery = std::chrono::seconds(5);       // what still runs
constexpr auto kProgressEvery = std::chrono::minutes(1);  // in the log, also when nothing has changed

}  // namespace

void Beacon::begin_drain(Drain drain, const char* verb, std::optional<std::int64_t> deadline_seconds) {
  if (stopping_) throw Error(ErrorKind::conflict, "the beacon is stopping");
  const bool under_way = drain_.drain == drain && wish_ && std::string_view(wish_->verb) == verb;
  if (under_way && !deadline_seconds) return;
  // Retiring after landing is one drain: its time counts from the first wish.
  drain_ = {drain, draining() ? drain_.since : protocol::beacon::seconds_since_boot(), drain_.limit};
  if (deadline_seconds) drain_.limit = drained_seconds() + *deadline_seconds;
  write_drain_mark(options_.runtime_dir, drain_);
  if (under_way) {
    log::info("the drain has another deadline", {{"state", word_of(drain)}, {"seconds_left", drain_seconds_left()}});
    return say_state();
  }
  wish_ = Wish{.verb = verb};
  // A second registration that is on its way has said "running": dropped now, it could still undo what we ask for. So it is
  // waited for.
  next_says_running_ = next_ != nullptr && next_->state() == "registering";
  if (!next_says_running_) drop(std::move(next_));
  log::info("draining",
            {{"state", word_of(drain)}, {"command", verb}, {"limit", limited() ? config::duration_text(drain_limit()) : "none"}});
  // The same, but there is nothing to keep: a new one says what we want from the start.
  if (current_ && !current_->registered()) {
    drop(std::move(current_));
    connect();
  }
  send_wish();
  say_state();
}

void Beacon::land(std::optional<std::int64_t> deadline_seconds) {
  if (drain_.drain == Drain::retiring) throw Error(ErrorKind::conflict, "the worker is retiring; take that back with resume first");
  begin_drain(Drain::landing, tsa::kLandWorker, deadline_seconds);
}

void Beacon::retire(std::optional<std::int64_t> deadline_seconds) {
  begin_drain(Drain::retiring, tsa::kRetireWorker, deadline_seconds);
}
void Beacon::remove() { begin_drain(Drain::retiring, tsa::kDeleteWorker); }

void Beacon::resume() {
  if (stopping_) throw Error(ErrorKind::conflict, "the beacon is stopping");
  if (!draining()) return;
  drain_ = {};
  wish_.reset();
  write_drain_mark(options_.runtime_dir, drain_);
  loop_.cancel(wish_timer_);
  loop_.cancel(stop_timer_);
  stop_status_ = protocol::beacon::kExitStopped;
  next_says_running_ = false;
  occupancy_.forget();
  waits_for_.clear();
  log::info("drain taken back", {});
  // A new registration says "running" again.
  next_allowed_ = {};
  drop(std::move(next_));
  if (current_ && current_->registered()) {
    open_next("drain taken back");
  } else {
    drop(std::move(current_));
    connect();
  }
  say_state();
}

void Beacon::send_wish() {
  if (!wish_ || wish_->sent || wish_->done || next_says_running_ || link() == nullptr) return;
  wish_->sent = true;
  ++wish_->attempts;
  loop_.cancel(wish_timer_);
  link()->run(wish_->verb, worker_json(), kWishLimit,
              [this, alive = std::weak_ptr<int>(alive_), verb = wish_->verb](const std::optional<ssh::CommandResult>& result,
                                                                             const std::string& error) {
                if (!alive.expired() && wish_ && wish_->verb == verb && wish_->sent) wish_answered(result, error);
              });
}

void Beacon::wish_answered(const std::optional<ssh::CommandResult>& result, const std::string& error) {
  if (result && result->exit_status == 0) {
    wish_->done = true;
    wish_->error.clear();
    log::info("the TSA has done it", {{"command", wish_->verb}});
    if (std::string_view(wish_->verb) != tsa::kDeleteWorker) return;
    if (stop_status_ == 0) stop_status_ = protocol::beacon::kExitRetired;
    return stop();  // the web knows us no more: nothing to wait for
  }
  wish_->sent = false;
  wish_->error = result
                     ? "the TSA answered with status " + std::to_string(result->exit_status) + "; the web node's log has the reason"
                     : error;
  last_error_ = std::string(wish_->verb) + ": " + wish_->error;
  const auto wait = wish_->backoff.next();
  log::warn("command failed, trying again", {{"command", wish_->verb}, {"error", wish_->error}, {"attempts", wish_->attempts}});
  wish_timer_ = loop_.after(wait, [this] { send_wish(); });
}

std::int64_t Beacon::drained_seconds() const { return draining() ? protocol::beacon::seconds_since_boot() - drain_.since : 0; }

std::chrono::seconds Beacon::drain_limit() const {
  return drain_.limit ? std::chrono::seconds(*drain_.limit) : std::chrono::ceil<std::chrono::seconds>(options_.drain_timeout);
}

std::int64_t Beacon::drain_seconds_left() const { return drain_limit().count() - drained_seconds(); }

// Once a second. The deadline counts from the first wish, whatever happened since: a TSA that is away, restarts, a change from
// landing to retiring.
void Beacon::check_drain() {
  if (!draining() || handed_over_) return;  // the successor sees to it
  const auto now = Clock::now();
  if (limited() && drain_seconds_left() <= 0) return drain_expired();
  if (now - asked_ >= kAskEvery) {
    asked_ = now;
    occupancy_.ask([this] { tell_progress(); });
  }
  tell_progress();
}

void Beacon::tell_progress() {
  if (!draining() || stopping_) return;
  const auto now = Clock::now();
  auto waits_for = this->waits_for();
  if (waits_for == waits_for_ && now - progress_told_ < kProgressEvery) return;
  progress_told_ = now;
  waits_for_ = std::move(waits_for);
  log::info("drain under way",
            {{"state", word_of(drain_.drain)},
             {"waits_for", waits_for_},
             {"seconds", drained_seconds()},
             {"left", limited() ? config::duration_text(std::chrono::seconds(drain_seconds_left())) : "no limit"}});
  say_state();
}

std::string Beacon::waits_for() const {
  if (!current_ || current_->link() == nullptr) return "a connection to a TSA" + (last_error_.empty() ? "" : ": " + last_error_);
  if (wish_ && !wish_->done)
    return std::string("the TSA to take ") + wish_->verb + (wish_->error.empty() ? "" : ": " + wish_->error);
  if (!occupancy_.last()) return "the running builds";
  if (const auto& error = occupancy_.last()->error; !error.empty()) return "the running builds; Garden can't be asked: " + error;
  if (auto busy = describe_busy(occupancy_.last()->busy); !busy.empty()) return busy;
  return "the web node to let the worker go; no process runs in a container";
}

void Beacon::drain_expired() {
  if (stop_status_ == protocol::beacon::kExitDrainTimeout) return;  // on the way
  log::warn(drain_.limit ? "the drain took longer than its deadline" : "the drain took longer than --drain-timeout",
            {{"state", word_of(drain_.drain)}, {"limit", duration_text(drain_limit())}, {"waited_for", waits_for()}});
  stop_status_ = protocol::beacon::kExitDrainTimeout;
  if (drain_.drain == Drain::landing || link() == nullptr) return stop();
  // As for a retiring worker that is told to stop: it leaves the cluster, its builds or not.
  begin_drain(Drain::retiring, tsa::kDeleteWorker);
  stop_timer_ = loop_.after(kDeleteLimit, [this] { stop(); });
}

// For the service manager. In minutes, so that it doesn't change all the time.
std::string Beacon::drain_line() const {
  auto line = word_of(drain_.drain) + ", waits for " + waits_for();
  if (limited())
    line += "; ends in " + std::to_string(std::max<std::int64_t>((drain_seconds_left() + 59) / 60, 0)) + "m at the latest";
  return line;
}

Json Beacon::drain_status() const {
  Json status = {{"seconds", drained_seconds()}, {"waits_for", waits_for()}};
  if (limited()) status["seconds_left"] = std::max<std::int64_t>(drain_seconds_left(), 0);
  if (const auto& view = occupancy_.last(); view && view->error.empty()) {
    status["containers"] = view->containers;
    status["busy"] = view->busy;
  }
  return status;
}

}  // namespace concourse::beacon
