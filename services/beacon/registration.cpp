#include "services/beacon/registration.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/tsa.hpp"

namespace concourse::beacon {

namespace {

// The web node's heartbeat interval is its own setting, 30 s by default, and it calls a worker stalled after two of them.
constexpr auto kUnknownLimit = std::chrono::seconds(45);
constexpr auto kLeastLimit = std::chrono::seconds(10);

}  // namespace

Registration::Registration(EventLoop& loop, Background& background, const Options& options, std::vector<std::string> hosts,
                           std::string worker, Callbacks callbacks)
    : loop_(loop), background_(background), options_(options), worker_(std::move(worker)), callbacks_(std::move(callbacks)) {
  connector_ = std::make_unique<Connector>(loop_, background_, options_.tsa, std::move(hosts),
                                           [this](std::unique_ptr<ssh::Session> session, const std::string& error) {
                                             if (session) connected(std::move(session));
                                             else end(RegistrationEnd::lost, error);
                                           });
}

Registration::~Registration() = default;

void Registration::enter(Phase phase) {
  phase_ = phase;
  phase_since_ = Clock::now();
}

std::string Registration::state() const {
  switch (phase_) {
    case Phase::connecting: return "connecting";
    case Phase::forwarding: return "forwarding";
    case Phase::registering: return "registering";
    case Phase::registered: return "registered";
    case Phase::stopping: return "stopping";
    case Phase::ended: return "ended";
  }
  return "";
}

void Registration::connected(std::unique_ptr<ssh::Session> session) {
  host_ = session->host();
  log::info("connected", {{"tsa", host_}, {"cipher", session->ciphers()}});
  link_ = std::make_unique<Link>(loop_, background_, std::move(session),
                                 [this](const std::string& reason) { end(RegistrationEnd::lost, reason); });
  forward();
}

// Both must stand before forward-worker starts: it looks for them for ten seconds each and then gives up.
void Registration::forward() {
  enter(Phase::forwarding);
  const auto failed = [this](const std::string& error) {
    if (!error.empty()) end(RegistrationEnd::lost, error);
    return !error.empty();
  };
  link_->forward(protocol::tsa::kGardenPort, options_.garden, failed);
  link_->forward(protocol::tsa::kBaggageclaimPort, options_.baggageclaim, [this, failed](const std::string& error) {
    if (!failed(error)) start();
  });
}

void Registration::start() {
  if (phase_ != Phase::forwarding) return;
  enter(Phase::registering);
  command_ = link_->run(
      protocol::tsa::kForwardWorker, worker_, Duration::zero(),
      [this, alive = std::weak_ptr<int>(alive_)](const std::optional<ssh::CommandResult>& result, const std::string& error) {
        if (!alive.expired()) command_ended(result, error);
      },
      [this](std::string_view output) { take(output); });
}

// Called from inside the link: only looks and remembers, the rest is posted.
void Registration::take(std::string_view output) {
  for (const TsaEvent event : events_.feed(output)) {
    const auto now = Clock::now();
    if (event == TsaEvent::heartbeated && last_heartbeat_) heartbeat_interval_ = now - *last_heartbeat_;
    last_heartbeat_ = now;
    loop_.post([alive = std::weak_ptr<int>(alive_), this, event] {
      if (alive.expired()) return;
      if (phase_ == Phase::registering) {
        enter(Phase::registered);
        registered_at_ = Clock::now();
        callbacks_.on_registered();
      } else if (event == TsaEvent::heartbeated && phase_ == Phase::registered) {
        callbacks_.on_heartbeat();
      }
    });
  }
}

Duration Registration::heartbeat_limit() const {
  if (!heartbeat_interval_) return kUnknownLimit;
  return std::max<Duration>(*heartbeat_interval_ * 3 / 2, kLeastLimit);
}

void Registration::command_ended(const std::optional<ssh::CommandResult>& result, const std::string& error) {
  if (!result) return end(RegistrationEnd::lost, error);
  if (phase_ == Phase::stopping) return end(RegistrationEnd::drained, "");
  if (result->exit_status == 0) return end(RegistrationEnd::over, "the web node ended the registration");
  end(RegistrationEnd::refused,
      "TSA " + host_ + " refused the worker; its log has the reason (often a key that is only allowed for another --team)");
}

void Registration::stop() {
  if (phase_ == Phase::stopping || phase_ == Phase::ended) return;
  if (phase_ != Phase::registering && phase_ != Phase::registered) {
    enter(Phase::stopping);
    loop_.post([alive = std::weak_ptr<int>(alive_), this] {
      if (!alive.expired()) end(RegistrationEnd::drained, "");
    });
    return;
  }
  enter(Phase::stopping);
  link_->interrupt(command_);
}

void Registration::end(RegistrationEnd how, const std::string& reason) {
  if (phase_ == Phase::ended) return;
  enter(Phase::ended);
  if (link_) link_->disconnect("done");
  callbacks_.on_ended(how, reason);
}

}  // namespace concourse::beacon
