#include <poll.h>

#include <cstdio>

#include "common/base/error.hpp"
#include "common/daemon/control.hpp"
#include "common/protocol/beacon.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kLimit = std::chrono::seconds(10);
constexpr int kLookEvery = 1000;  // milliseconds

std::string mode_of(const config::Values& values) {
  std::string chosen;
  for (const auto* mode : {"land", "retire", "stop", "cancel"}) {
    if (!values.flag(mode)) continue;
    if (!chosen.empty()) throw Error(ErrorKind::usage, "--" + chosen + " and --" + mode + " can't both be done");
    chosen = mode;
  }
  if (chosen.empty()) throw Error(ErrorKind::usage, "say how: --land, --retire, --stop or --cancel");
  return chosen;
}

bool is_absent(const Error& e) { return e.kind() == ErrorKind::not_found || e.kind() == ErrorKind::unavailable; }

// Under systemd there may be no supervisor: then the beacon itself lands or retires, and ends when that is done.
std::string tell(const Call& call, const std::string& mode) {
  try {
    daemon::ask(protocol::control_socket(call.runtime_dir, "supervisor"), {{"command", "drain"}, {"mode", mode}},
                Deadline::in(kLimit));
    return "supervisor";
  } catch (const Error& e) {
    if (!is_absent(e)) throw;
  }
  if (mode == "stop")
    throw Error(ErrorKind::unavailable, "no supervisor runs here; stop the services with systemctl stop concourse-worker.target");
  try {
    daemon::ask(protocol::control_socket(call.runtime_dir, "beacon"),
                {{"command", mode == "cancel" ? protocol::beacon::kResume : mode}}, Deadline::in(kLimit));
    return "beacon";
  } catch (const Error& e) {
    if (is_absent(e))
      throw Error(ErrorKind::unavailable, "neither the supervisor nor the beacon is running: there is nothing to drain");
    throw;
  }
}

// Prints each change of the beacon's state until `service` has ended.
void watch(const Call& call, const std::string& service) {
  std::string said;
  for (;;) {
    std::string line;
    try {
      const auto answer =
          daemon::ask(protocol::control_socket(call.runtime_dir, "beacon"), {{"command", "status"}}, Deadline::in(kLimit));
      const auto* beacon = find_field(answer, "beacon");
      line = beacon == nullptr
                 ? string_field(answer, "state")
                 : string_field(*beacon, "state") + ", open connections: " + std::to_string(int_field(*beacon, "channels"));
    } catch (const Error&) {
      line = "the beacon has ended or is being restarted";
    }
    if (line != said) std::puts((said = line).c_str());
    std::fflush(stdout);
    try {
      daemon::ask(protocol::control_socket(call.runtime_dir, service), {{"command", "status"}}, Deadline::in(kLimit));
    } catch (const Error& e) {
      if (!is_absent(e)) throw;
      std::puts("ended");
      return;
    }
    ::poll(nullptr, 0, kLookEvery);
  }
}

int drain(const Call& call) {
  const auto mode = mode_of(call.values);
  const auto told = tell(call, mode);
  if (call.values.flag("watch") && mode != "cancel") watch(call, told);
  return 0;
}

}  // namespace

std::vector<Verb> drain_verbs() {
  using config::Type;
  return {{"drain",
           {},
           "Ends the worker, now or when its builds have ended.",
           {{.name = "land",
             .type = Type::boolean,
             .help = "Take no new work, end when the running builds have ended (as SIGUSR1).",
             .env = "-"},
            {.name = "retire", .type = Type::boolean, .help = "As --land, and leave the cluster (as SIGUSR2).", .env = "-"},
            {.name = "stop",
             .type = Type::boolean,
             .help = "Stop in place; the next start goes on with the containers (as SIGTERM).",
             .env = "-"},
            {.name = "cancel", .type = Type::boolean, .help = "Take --land or --retire back.", .env = "-"},
            {.name = "watch", .type = Type::boolean, .help = "Show how it goes on, until the worker has ended.", .env = "-"}},
           "concourse-workerctl drain --land --watch",
           drain}};
}

}  // namespace concourse::ctl
