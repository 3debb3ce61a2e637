#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/process/session.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

// As ssh's: every other exit status is the process'.
constexpr int kOwnFailure = 255;
constexpr int kDetached = 130;

ProcessCalls calls_of(const Call& call) { return {protocol::garden_socket(call.runtime_dir), call.words[0]}; }

bool has_terminal(const config::Values& values) {
  if (values.flag("tty") && values.flag("no-tty")) throw Error(ErrorKind::usage, "--tty and --no-tty can't both be");
  if (values.flag("tty") || values.flag("no-tty")) return values.flag("tty");
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

std::vector<std::string> environment_of(const config::Values& values, bool terminal) {
  auto environment = values.list("env");
  for (const auto& entry : environment)
    if (const auto equals = entry.find('='); equals == 0 || equals == std::string::npos)
      throw Error(ErrorKind::usage, "flag --env: '" + entry + "' is not NAME=VALUE");
  // Programs must know which terminal they draw on; what the user says comes last and counts.
  if (const char* term = std::getenv("TERM"); terminal && term != nullptr)
    environment.insert(environment.begin(), std::string("TERM=") + term);
  return environment;
}

// Without a command the best shell that the container has.
Stream start(const ProcessCalls& calls, protocol::garden::ProcessSpec& spec, const std::vector<std::string>& command) {
  spec.path = command.empty() ? "bash" : command[0];
  if (!command.empty()) spec.args.assign(command.begin() + 1, command.end());
  try {
    return calls.run(spec);
  } catch (const Refusal& refusal) {
    if (!command.empty() || refusal.type() != kExecutableNotFound) throw;
  }
  spec.path = "sh";
  return calls.run(spec);
}

int run(const Call& call) {
  const auto calls = calls_of(call);
  protocol::garden::ProcessSpec spec;
  spec.id = make_uuid();
  spec.user = call.values.text("user");
  spec.dir = call.values.text("dir");
  const bool terminal = has_terminal(call.values);
  spec.env = environment_of(call.values, terminal);
  if (terminal) spec.tty = own_window_size().value_or(protocol::garden::WindowSize{});
  Session session(calls, start(calls, spec, call.command), {.input = true, .terminal = terminal});
  return session.run().value_or(kOwnFailure);
}

int attach(const Call& call) {
  const auto calls = calls_of(call);
  const auto& process = call.words[1];
  const bool input = call.values.flag("stdin"), terminal = call.values.flag("tty");
  if (terminal && !input) throw Error(ErrorKind::usage, "--tty is for --stdin: how keys get to the process");
  Session session(calls, calls.attach(process), {.input = input, .terminal = terminal, .detach_on_int = true});
  if (::isatty(STDERR_FILENO) != 0)
    std::fprintf(stderr, "attached to process '%s'; Ctrl-C detaches, the process goes on\n", process.c_str());
  if (const auto status = session.run()) return *status;
  std::fprintf(stderr, "\ndetached; the process goes on. Once more: concourse-workerctl garden attach %s %s\n",
               calls.handle().c_str(), process.c_str());
  return kDetached;
}

// The process' exit status could else not be told from ours.
std::function<int(const Call&)> with_own_status(int (*verb)(const Call&)) {
  return [verb](const Call& call) {
    try {
      return verb(call);
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::usage) throw;
      std::fprintf(stderr, "concourse-workerctl: error: %s\n", e.what());
      return kOwnFailure;
    }
  };
}

}  // namespace

std::vector<Verb> process_verbs() {
  using config::Type;
  return {
      {"garden run",
       {"HANDLE"},
       "Runs a process in a container; its exit status is the process', or 255.",
       {{.name = "user", .help = "User of the container, by name or number, also user:group. (default: root)", .env = "-"},
        {.name = "dir", .help = "Working directory, made if it is missing. (default: the user's home)", .env = "-"},
        {.name = "env", .type = Type::list, .help = "NAME=VALUE for its environment; can be repeated.", .env = "-"},
        {.name = "tty", .type = Type::boolean, .help = "With a terminal, also if stdin or stdout is none.", .env = "-"},
        {.name = "no-tty", .type = Type::boolean, .help = "Without a terminal, also if stdin and stdout are ones.", .env = "-"}},
       "concourse-workerctl garden run 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e --user build -- ls -l /tmp",
       with_own_status(run),
       "[-- COMMAND...]"},
      {"garden attach",
       {"HANDLE", "PROCESS"},
       "Shows what a process says from now on and ends with its exit status; Ctrl-C only detaches.",
       {{.name = "stdin", .type = Type::boolean, .help = "Pass standard input on, its end too.", .env = "-"},
        {.name = "tty",
         .type = Type::boolean,
         .help = "With --stdin, for a process with a terminal: pass keys on as they are typed, and the window's size.",
         .env = "-"}},
       "concourse-workerctl garden attach 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e task",
       with_own_status(attach)}};
}

}  // namespace concourse::ctl
