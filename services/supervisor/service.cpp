#include "services/supervisor/service.hpp"

#include <signal.h>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"

namespace concourse::supervisor {

namespace {

// From exec to READY. A recovery of thousands of containers takes its time, and says so with EXTEND_TIMEOUT_USEC if it is long.
constexpr auto kStartLimit = std::chrono::minutes(5);

std::string how_it_ended(std::optional<os::ExitStatus> status) {
  // The kernel tells a process's end to its parent only, which was an earlier supervisor. What ends by itself has said its exit
  // status before (daemon::run).
  return status ? status->text() : "killed, or ended without a word (taken over)";
}

}  // namespace

Service::Service(EventLoop& loop, const Sockets& sockets, ServiceSpec spec, Hooks hooks)
    : loop_(loop), sockets_(sockets), spec_(std::move(spec)), hooks_(std::move(hooks)) {}

Service::~Service() {
  loop_.cancel(kill_timer_);
  loop_.cancel(start_timer_);
  if (process_) loop_.unwatch(process_->pidfd());
}

void Service::start() {
  if (process_) return;
  loop_.cancel(start_timer_);
  started_ = true;
  purpose_ = Purpose::run;
  status_line_.clear();
  policy_.started();
  try {
    process_ = Process::start({.argv = spec_.command, .environment = spec_.environment, .listeners = sockets_.of(spec_)});
  } catch (const std::exception& e) {
    status_line_ = e.what();
    return failed(std::nullopt, e.what());
  }
  log::info("service started", {{"service", name()}, {"pid", process_->pid()}});
  watch();
  arm(kStartLimit, "not ready in time");
  hooks_.started(*this);
}

void Service::take_over(const Running& running) {
  started_ = true;
  purpose_ = Purpose::run;
  try {
    process_ = Process::take_over(running.pid);
  } catch (const std::exception&) {
    return start();  // it ended in this moment
  }
  policy_.started();
  log::info("service taken over", {{"service", name()}, {"pid", running.pid}, {"ready", running.ready}});
  watch();
  if (running.ready) notified({.ready = true});
  else arm(kStartLimit, "not ready in time");
  hooks_.started(*this);
}

void Service::watch() {
  since_ = Clock::now();
  told_exit_status_.reset();
  loop_.watch(process_->pidfd(), EPOLLIN, [this](std::uint32_t) { on_end(); });
}

void Service::notified(const Notification& notification) {
  if (notification.status) status_line_ = *notification.status;
  if (notification.exit_status) told_exit_status_ = notification.exit_status;
  // Only for the start: a stop that a service could make longer would break the promise of the whole worker's stop.
  if (notification.extend && kill_timer_ != 0 && purpose_ == Purpose::run)
    arm(*notification.extend, "not ready in the time it asked for");
  if (!notification.ready || purpose_ != Purpose::run || ready()) return;
  loop_.cancel(std::exchange(kill_timer_, 0));
  policy_.ready(Clock::now());
  log::info(
      "service ready",
      {{"service", name()}, {"pid", pid()}, {"ms", std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - since_).count()}});
  hooks_.ready(*this);
}

// Kills the process when the limit passes. The end is then handled like any other.
void Service::arm(Duration limit, const std::string& why_killed) {
  loop_.cancel(kill_timer_);
  kill_timer_ = loop_.after(limit, [this, why_killed] {
    kill_timer_ = 0;
    log::warn("service killed", {{"service", name()}, {"pid", pid()}, {"reason", why_killed}});
    if (process_) process_->signal(SIGKILL);
  });
}

void Service::end_process(Duration limit) {
  process_->signal(SIGTERM);
  arm(limit, "did not stop in time");
}

void Service::stop(Duration limit) {
  purpose_ = Purpose::stop;
  log::info("service stopping",
            {{"service", name()}, {"pid", pid()}, {"limit_ms", std::chrono::ceil<std::chrono::milliseconds>(limit).count()}});
  end_process(limit);
}

void Service::hold() {
  if (process_) return;
  loop_.cancel(std::exchange(start_timer_, 0));
  if (policy_.state() != RestartPolicy::State::given_up) policy_.stopped();
}

void Service::restart(const std::string& why) {
  if (!process_) return start();
  log::info("service restarting", {{"service", name()}, {"pid", pid()}, {"reason", why}});
  purpose_ = Purpose::restart;
  end_process(spec_.stop_limit);
}

Process Service::succeed(const std::string& why) {
  log::info("service gets a successor", {{"service", name()}, {"pid", pid()}, {"reason", why}});
  loop_.cancel(std::exchange(kill_timer_, 0));
  loop_.unwatch(process_->pidfd());
  auto old = std::move(*process_);
  process_.reset();
  policy_.stopped();
  start();
  return old;
}

void Service::on_end() {
  hooks_.read_notifications();
  loop_.cancel(std::exchange(kill_timer_, 0));
  loop_.unwatch(process_->pidfd());
  auto status = process_->end();
  if (!status && told_exit_status_) status = os::ExitStatus{*told_exit_status_, 0};
  const auto pid = process_->pid();
  process_.reset();
  last_end_ = how_it_ended(status);
  const auto ran_ms = std::chrono::floor<std::chrono::milliseconds>(Clock::now() - since_).count();
  if (purpose_ != Purpose::run) {
    log::info("service stopped", {{"service", name()}, {"pid", pid}, {"how", last_end_}});
    policy_.stopped();
    if (purpose_ == Purpose::restart) return start();
    return hooks_.down(*this);
  }
  if (hooks_.ended(*this, status)) {
    log::info("service ended", {{"service", name()}, {"pid", pid}, {"how", last_end_}});
    policy_.stopped();
    return hooks_.down(*this);
  }
  log::error("service died",
             {{"service", name()}, {"pid", pid}, {"how", last_end_}, {"ran_ms", ran_ms}, {"last_words", status_line_}});
  failed(status, last_end_);
}

void Service::failed(std::optional<os::ExitStatus> status, const std::string& how) {
  last_end_ = how;
  const auto delay = policy_.ended(status, Clock::now());
  if (!delay) {
    // What it said about its end (daemon::run sends it) tells more than the number.
    const auto why = status_line_.empty() ? how : status_line_;
    log::error("service given up", {{"service", name()}, {"failures", policy_.failures()}, {"reason", why}});
    const bool usage = status && status->signal == 0 && status->code == RestartPolicy::kWrongUsage;
    return hooks_.given_up(*this, Error(usage ? ErrorKind::usage : ErrorKind::internal, why));
  }
  ++restarts_;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*delay).count();
  log::info("service restart", {{"service", name()}, {"in_ms", ms}, {"failures", policy_.failures()}});
  start_timer_ = loop_.after(*delay, [this] {
    start_timer_ = 0;
    start();
  });
}

std::string Service::state_name() const {
  if (process_ && purpose_ == Purpose::stop) return "stopping";
  if (process_ && purpose_ == Purpose::restart) return "restarting";
  switch (policy_.state()) {
    case RestartPolicy::State::down: return started_ ? "stopped" : "not started";
    case RestartPolicy::State::starting: return "starting";
    case RestartPolicy::State::ready: return "ready";
    case RestartPolicy::State::waiting: return "waiting to restart";
    case RestartPolicy::State::given_up: return "given up";
  }
  return "";
}

Json Service::status() const {
  Json out = {{"service", name()}, {"state", state_name()}, {"restarts", restarts_}};
  if (process_) {
    out["pid"] = pid();
    out["up_seconds"] = std::chrono::floor<std::chrono::seconds>(Clock::now() - since_).count();
  }
  if (!status_line_.empty()) out["status"] = status_line_;
  if (!last_end_.empty()) out["last_end"] = last_end_;
  return out;
}

}  // namespace concourse::supervisor
