#include "services/supervisor/supervisor.hpp"

#include <sys/wait.h>

#include <algorithm>

#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "common/protocol/beacon.hpp"
#include "common/protocol/paths.hpp"
#include "common/version.hpp"

namespace concourse::supervisor {

namespace {

std::string too_long(const Drain& drain) {
  return "the drain took longer than " +
         (drain.has_own_deadline() ? "its deadline" : duration_text(drain.limit()) + " (--drain-timeout)");
}

std::string words_for(BeaconEnd end, const Drain& drain) {
  switch (end) {
    case BeaconEnd::landed: return "landed";
    case BeaconEnd::retired: return "retired";
    case BeaconEnd::let_go: return "the cluster has let the worker go: landed, retired or pruned by somebody else";
    case BeaconEnd::drain_timeout: return too_long(drain);
    case BeaconEnd::crashed: break;
  }
  return "the beacon has ended";
}

constexpr int kDrainCutShort = 3;  // builds were still running

// What is left of a service's time once somebody asked a second time.
constexpr auto kHurriedStop = std::chrono::seconds(1);
constexpr auto kOldBeaconStop = std::chrono::seconds(4);  // of one that a successor has replaced, beside all else

}  // namespace

Supervisor::Supervisor(daemon::Context& context, const std::filesystem::path& runtime_dir, std::vector<ServiceSpec> specs,
                       Duration drain_limit)
    : context_(context),
      runtime_dir_(runtime_dir),
      drain_(context.loop(), drain_limit,
             [this] {
               exit_status_ = kDrainCutShort;
               stop(too_long(drain_));
             }),
      handover_(context.loop(), [this] {
        if (stopping_) stop_next();
      }) {
  notify_.emplace(context.loop(), protocol::notify_socket(runtime_dir), [this](pid_t sender, const Notification& notification) {
    if (auto* service = by_pid(sender)) {
      service->notified(notification);
      if (notification.registered) handover_.registered();
    }
    tell_manager();
  });
  for (auto& spec : specs) add(std::move(spec));
}

void Supervisor::add(ServiceSpec spec) {
  Service::Hooks hooks;
  hooks.started = [this](Service& service) {
    if (service.name() == "beacon") drain_.beacon_started(service);
  };
  hooks.ready = [this](Service&) { start_those_that_can(); };
  hooks.down = [this](Service& service) { on_down(service); };
  hooks.ended = [this](Service& service, auto status) { return on_end(service, status); };
  hooks.given_up = [this](Service& service, const Error& why) { on_given_up(service, why); };
  hooks.read_notifications = [this] { notify_->drain(); };
  services_.push_back(std::make_unique<Service>(context_.loop(), sockets_, std::move(spec), std::move(hooks)));
}

void Supervisor::start() {
  std::vector<const ServiceSpec*> specs;
  for (const auto& service : services_) specs.push_back(&service->spec());
  auto running = take_over(specs);
  for (const auto* spec : specs) {
    const auto found = running.find(spec->name);
    if (found == running.end()) continue;
    if (const auto why = difference(*spec, found->second); !why.empty()) replace_[spec->name] = why;
    sockets_.take_over(*spec, std::move(found->second.listeners));
  }
  const auto programs = std::filesystem::path(specs.at(0)->command.at(0)).parent_path();
  std::vector<std::filesystem::path> unwanted;
  for (const auto& name : stop_order())
    if (find(name) == nullptr) unwanted.push_back(programs / ("concourse-" + name));
  end_unwanted(unwanted, "NOTIFY_SOCKET=" + notify_->path().string());
  for (const auto& service : services_)
    if (sockets_.complete(service->spec()) && running.contains(service->name()))
      replace_.try_emplace(service->name(), "its sockets differ");
  for (const auto& service : services_)
    if (const auto found = running.find(service->name()); found != running.end()) service->take_over(found->second);
  resume_drain(!running.empty());
  all_known_ = true;
  start_those_that_can();
  tell_manager();
}

// The beacon marks a drain on disk, so that its restarts don't undo it. A worker that goes on under a new supervisor goes on
// draining; one that starts afresh does not.
void Supervisor::resume_drain(bool anything_taken_over) {
  const auto path = protocol::beacon::drain_mark(runtime_dir_);
  const auto mark = protocol::beacon::parse_drain_mark(os::read_file(path, 4096).value_or(""));
  if (!mark || !anything_taken_over) {
    std::filesystem::remove(path);
    return;
  }
  const auto drained = std::chrono::seconds(protocol::beacon::seconds_since_boot() - mark->since);
  std::optional<Duration> deadline;
  if (mark->limit) deadline = std::chrono::seconds(*mark->limit) - drained;
  drain(mark->state == "retiring" ? DrainMode::retire : DrainMode::land, deadline, drained);
}

bool Supervisor::may_start(const Service& service) const {
  return std::all_of(services_.begin(), services_.end(), [&](const auto& other) {
    const auto& needs = service.spec().needs;
    return std::find(needs.begin(), needs.end(), other->name()) == needs.end() || other->ever_ready();
  });
}

void Supervisor::start_those_that_can() {
  if (stopping_ || !all_known_) return;
  for (const auto& service : services_) {
    if (!may_start(*service)) continue;
    if (const auto found = replace_.find(service->name()); found != replace_.end()) {
      const auto why = found->second;
      replace_.erase(found);
      restart(*service, why);
    } else if (!service->started()) {
      service->start();
    }
  }
}

void Supervisor::restart(Service& service, const std::string& why) {
  if (service.name() == "beacon") handover_.restart(service, why);
  else service.restart(why);
}

bool Supervisor::on_end(const Service& service, std::optional<os::ExitStatus> status) {
  if (stopping_ || service.name() != "beacon") return stopping_;
  end_ = meaning_of(status);
  if (end_ == BeaconEnd::drain_timeout) exit_status_ = kDrainCutShort;
  return end_ != BeaconEnd::crashed;
}

void Supervisor::on_down(const Service& service) {
  if (!stopping_) return stop(words_for(end_, drain_));
  if (service.name() == "beacon") drain_.beacon_ended();
  stop_next();
}

void Supervisor::on_given_up(Service& service, const Error& why) {
  if (!failure_) failure_.emplace(why.kind(), service.spec().program() + " can't be started: " + why.what());
  if (!stopping_) stop("a service can't be started");
  else stop_next();
}

void Supervisor::drain(DrainMode mode, std::optional<Duration> deadline, Duration drained) {
  if (stopping_) return log::info("stopping already", {{"asked", name_of(mode)}});
  drain_.request(mode, find("beacon"), deadline, drained);
  tell_manager();
}

void Supervisor::stop(const std::string& why) {
  if (stopping_) return hurry();
  stopping_ = true;
  log::info("stopping", {{"reason", why}});
  context_.stopping();
  handover_.stop(kOldBeaconStop);
  deleting_ = drain_.delete_worker([this] {
    deleting_ = false;
    stop_next();
  });
  stop_next();
}

// One after the other: each may still need those behind it.
void Supervisor::stop_next() {
  if (deleting_) return;
  for (const auto& service : services_) service->hold();
  for (const auto& name : stop_order()) {
    auto* service = find(name);
    if (service == nullptr || !service->up()) continue;
    if (!service->stopping()) service->stop(hurrying_ ? kHurriedStop : service->spec().stop_limit);
    return;
  }
  if (!handover_.empty()) return;  // comes back when it is
  sockets_.remove_all();
  std::filesystem::remove(protocol::beacon::drain_mark(runtime_dir_));
  log::info("stopped", {});
  context_.finish(exit_status_);
}

void Supervisor::hurry() {
  if (std::exchange(hurrying_, true)) return;
  deleting_ = false;
  log::warn("asked to stop once more: waiting for nobody any longer", {});
  for (const auto& service : services_)
    if (service->up()) service->stop(kHurriedStop);
  handover_.stop(kHurriedStop);
}

void Supervisor::reap_orphans() {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (auto* service = by_pid(info.si_pid)) service->on_end();
    else (void)waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

daemon::ControlAnswer Supervisor::answer_drain(const Json& question) {
  const auto mode = string_field(question, "mode");
  std::optional<Duration> deadline;
  if (const auto seconds = protocol::beacon::deadline_seconds(question)) deadline = std::chrono::seconds(*seconds);
  // Answered before anything is closed: the stop begins when the loop comes round again.
  if (mode == "stop") context_.loop().after(Duration::zero(), [this] { stop("asked by control socket"); });
  else if (mode == "cancel") drain_.cancel(), tell_manager();
  else drain(parse_drain_mode(mode), deadline);
  return {{{"drain", drain_.status()}}, {}};
}

daemon::ControlAnswer Supervisor::answer_restart(const Json& question) {
  const auto name = string_field(question, "service");
  auto* service = find(name);
  if (service == nullptr) throw Error(ErrorKind::not_found, "this worker runs no service '" + name + "'");
  if (stopping_) throw Error(ErrorKind::conflict, "the worker is stopping");
  restart(*service, "asked by control socket");
  return {};
}

Service* Supervisor::find(const std::string& name) {
  const auto found = std::find_if(services_.begin(), services_.end(), [&](const auto& service) { return service->name() == name; });
  return found == services_.end() ? nullptr : found->get();
}

Service* Supervisor::by_pid(pid_t pid) {
  const auto found = std::find_if(services_.begin(), services_.end(), [&](const auto& service) { return service->pid() == pid; });
  return found == services_.end() ? nullptr : found->get();
}

// Our own manager (systemd, or a supervisor of ours in a test) hears of us what we hear of the services.
void Supervisor::tell_manager() {
  if (stopping_) return;
  const auto ready = std::count_if(services_.begin(), services_.end(), [](const auto& service) { return service->ready(); });
  const bool all = ready == static_cast<std::ptrdiff_t>(services_.size());
  if (all && !std::exchange(told_ready_, true)) context_.ready();
  auto text = std::to_string(ready) + " of " + std::to_string(services_.size()) + " services ready";
  if (drain_.mode() != DrainMode::none) {
    const std::string word = drain_.mode() == DrainMode::land ? "landing" : "retiring";
    const auto* beacon = find("beacon");
    const auto line = beacon != nullptr ? beacon->status_line() : "";
    text += line.starts_with(word) ? "; " + line : "; " + word + (line.empty() ? "" : ": " + line);
  }
  context_.status_line(text);
}

Json Supervisor::status() const {
  Json out = {{"drain", drain_.status()}, {"services", Json::array()}, {"old_beacons", handover_.status()}};
  for (const auto& service : services_) out["services"].push_back(service->status());
  return out;
}

void Supervisor::log_state() const {
  for (const auto& service : services_)
    log::info("state", {{"service", service->name()}, {"status", dump_json(service->status())}});
  log::info("state", {{"drain", dump_json(drain_.status())}});
}

}  // namespace concourse::supervisor
