#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/control.hpp"
#include "common/protocol/beacon.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/verb.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kLimit = std::chrono::seconds(10);

Json ask(const Call& call, const std::string& service, const Json& question) {
  try {
    return daemon::ask(protocol::control_socket(call.runtime_dir, service), question, Deadline::in(kLimit));
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found || e.kind() == ErrorKind::unavailable)
      throw Error(ErrorKind::unavailable, "the " + service + " is not running: " + e.what());
    throw with_context(service, e);
  }
}

const std::string& checked(const std::string& service, bool supervisor_too) {
  for (const auto* known : kServices)
    if (service == known) return service;
  if (supervisor_too && service == "supervisor") return service;
  throw Error(ErrorKind::usage, "unknown service '" + service + "'; one of " + (supervisor_too ? "supervisor, " : "") +
                                    join({std::begin(kServices), std::end(kServices)}, ", "));
}

int log_level(const Call& call) {
  ask(call, checked(call.words[0], true), {{"command", "log-level"}, {"level", call.words[1]}});
  return 0;
}

// Without a supervisor the beacon replaces itself, make before break; stopping and starting the others breaks nothing.
int restart(const Call& call) {
  const auto& service = checked(call.words[0], false);
  try {
    ask(call, "supervisor", {{"command", "restart"}, {"service", service}});
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::unavailable) throw;
    if (service != "beacon")
      throw Error(ErrorKind::unavailable, std::string(e.what()) + "; under systemd: systemctl restart concourse-" + service);
    ask(call, "beacon", {{"command", protocol::beacon::kReplace}});
  }
  return 0;
}

int beacon_status(const Call& call) {
  auto answer = ask(call, "beacon", {{"command", "status"}});
  answer.erase("ok");
  std::puts(answer.dump(2).c_str());
  return 0;
}

std::function<int(const Call&)> beacon(const char* command) {
  return [command](const Call& call) {
    ask(call, "beacon", {{"command", command}});
    return 0;
  };
}

}  // namespace

std::vector<Verb> service_verbs() {
  return {{"log-level",
           {"SERVICE", "LEVEL"},
           "Changes what a running service logs: debug, info, warn, error or fatal.",
           {},
           "concourse-workerctl log-level garden debug",
           log_level},
          {"restart", {"SERVICE"}, "Restarts one service; builds go on.", {}, "concourse-workerctl restart baggageclaim", restart},
          {"beacon status",
           {},
           "The registration, its connections and sweeps, as JSON.",
           {},
           "concourse-workerctl beacon status",
           beacon_status},
          {"beacon reconnect",
           {},
           "Cuts the connection to the TSA and makes another.",
           {},
           "concourse-workerctl beacon reconnect",
           beacon(protocol::beacon::kReconnect)},
          {"beacon rebalance",
           {},
           "Moves the registration to another TSA, make before break.",
           {},
           "concourse-workerctl beacon rebalance",
           beacon(protocol::beacon::kRebalance)}};
}

}  // namespace concourse::ctl
