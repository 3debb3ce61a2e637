#include <poll.h>

#include <cstdio>

#include "common/base/error.hpp"
#include "common/daemon/control.hpp"
#include "common/os/process.hpp"
#include "common/os/unix_socket.hpp"
#include "common/protocol/beacon.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kLimit = std::chrono::seconds(10);
constexpr auto kLookEvery = std::chrono::seconds(1);

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

// `part` of the answer tells how the drain goes on.
pid_t tell(const Call& call, const std::string& service, Json question, const char* part) {
  const auto socket = protocol::control_socket(call.runtime_dir, service);
  const auto pid = int_field(daemon::ask(socket, {{"command", "status"}}, Deadline::in(kLimit)), "pid");
  const bool limited = call.values.given("deadline");
  if (limited)
    question[protocol::beacon::kDeadlineSeconds] =
        std::chrono::ceil<std::chrono::seconds>(call.values.duration("deadline")).count();
  const auto answer = daemon::ask(socket, question, Deadline::in(kLimit));
  const auto* drain = find_field(answer, part);
  if (const auto* beacon = drain != nullptr ? find_field(*drain, "drain_progress") : nullptr) drain = beacon;
  if (limited && (drain == nullptr || find_field(*drain, "seconds_left") == nullptr))
    throw Error(ErrorKind::unavailable, "the worker drains, but its " + service + " is of an older version and knows no deadline");
  return static_cast<pid_t>(pid);
}

// The process whose end is the end of the drain. Under systemd there may be no supervisor: then the beacon itself lands or retires.
pid_t tell_somebody(const Call& call, const std::string& mode) {
  try {
    return tell(call, "supervisor", {{"command", "drain"}, {"mode", mode}}, "drain");
  } catch (const Error& e) {
    if (!is_absent(e)) throw;
  }
  if (mode == "stop")
    throw Error(ErrorKind::unavailable, "no supervisor runs here; stop the services with systemctl stop concourse-worker.target");
  try {
    return tell(call, "beacon", {{"command", mode == "cancel" ? protocol::beacon::kResume : mode}}, "beacon");
  } catch (const Error& e) {
    if (is_absent(e))
      throw Error(ErrorKind::unavailable, "neither the supervisor nor the beacon is running: there is nothing to drain");
    throw;
  }
}

std::string progress(const Call& call) {
  try {
    const auto answer =
        daemon::ask(protocol::control_socket(call.runtime_dir, "beacon"), {{"command", "status"}}, Deadline::in(kLimit));
    const auto* beacon = find_field(answer, "beacon");
    if (beacon == nullptr) return string_field(answer, "state");
    // In minutes: seconds change all the time.
    const auto* drain = find_field(*beacon, "drain_progress");
    const auto waits_for = drain != nullptr ? string_field(*drain, "waits_for") : "";
    auto line = string_field(*beacon, "state") + (waits_for.empty() ? "" : ", waits for " + waits_for) +
                ", open connections: " + std::to_string(int_field(*beacon, "channels"));
    if (drain != nullptr && find_field(*drain, "seconds_left") != nullptr)
      line += ", ends in " + std::to_string((int_field(*drain, "seconds_left") + 59) / 60) + "m at the latest";
    return line;
  } catch (const Error&) {
    return "the beacon doesn't answer";
  }
}

// Prints each change until the process that was told has ended. Its pid is what is watched: under systemd a question to the socket
// of a service that has ended would start it again.
void watch(const Call& call, pid_t told) {
  std::string said;
  UniqueFd process;
  try {
    process = os::open_pidfd(told);
  } catch (const SysError& e) {
    if (e.kind() != ErrorKind::not_found) throw;
    std::puts("ended");
    return;
  }
  do {
    if (const auto line = progress(call); line != said) std::puts((said = line).c_str());
    std::fflush(stdout);
  } while (!os::wait_for(process.get(), POLLIN, Deadline::in(kLookEvery)));
  std::puts("ended");
}

int drain(const Call& call) {
  const auto mode = mode_of(call.values);
  if (call.values.given("deadline") && mode != "land" && mode != "retire")
    throw Error(ErrorKind::usage, "--deadline is for --land and --retire; --" + mode + " takes no time");
  const auto told = tell_somebody(call, mode);
  if (call.values.flag("watch") && mode != "cancel") watch(call, told);
  return 0;
}

}  // namespace

std::vector<Verb> drain_verbs() {
  using config::Type;
  return {
      {"drain",
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
        {.name = "deadline",
         .type = Type::duration,
         .help = "End so long from now at the latest, as 90s or 2h, in place of --drain-timeout; builds may still be running then. "
                 "While it drains already, this changes its deadline.",
         .env = "-",
         .at_least = "1s"},
        {.name = "watch", .type = Type::boolean, .help = "Show how it goes on, until the worker has ended.", .env = "-"}},
       "concourse-workerctl drain --land --deadline 2h --watch",
       drain}};
}

}  // namespace concourse::ctl
