#include "services/supervisor/takeover.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "common/base/error.hpp"
#include "common/daemon/control.hpp"
#include "common/daemon/log.hpp"
#include "common/os/unix_socket.hpp"
#include "common/version.hpp"
#include "services/supervisor/identity.hpp"
#include "services/supervisor/proc.hpp"
#include "services/supervisor/process.hpp"

namespace concourse::supervisor {

namespace {

constexpr auto kAdoptLimit = std::chrono::seconds(5);  // for all services together
constexpr auto kKillLimit = std::chrono::seconds(5);
constexpr auto kUnwantedStop = std::chrono::seconds(4);
constexpr std::string_view kPrefix = "concourse-";

struct Leftover {
  const char* why;
  std::string service;
  std::filesystem::path program;
  std::string variable;
  pid_t pid;
};

std::string notify_variable(const ServiceSpec& spec) {
  for (const auto& variable : spec.environment)
    if (variable.starts_with("NOTIFY_SOCKET=")) return variable;
  return "";
}

void not_there_or_not_fit(const ServiceSpec& spec, const Error& e) {
  if (e.kind() != ErrorKind::not_found && e.kind() != ErrorKind::unavailable)
    log::warn("service does not answer", {{"service", spec.name}, {"error", e.what()}});
}

// A connection on which the question is under way; nothing if nobody listens.
UniqueFd ask_to_adopt(const ServiceSpec& spec, Deadline deadline) {
  try {
    auto connection = os::connect_unix(spec.listeners.at(0).path, deadline);
    os::show_sender(connection.get());
    os::send_frame(connection.get(), dump_json(daemon::with_request({{"command", "adopt"}})), {STDOUT_FILENO, STDERR_FILENO},
                   deadline);
    return connection;
  } catch (const Error& e) {
    not_there_or_not_fit(spec, e);
    return {};
  }
}

// Who has answered; nothing if nobody did.
std::optional<Running> answer_of(const ServiceSpec& spec, const UniqueFd& connection, Deadline deadline) {
  if (!connection) return std::nullopt;
  try {
    auto frame = os::receive_frame(connection.get(), deadline);
    if (!frame) return std::nullopt;
    const auto answer = parse_json(frame->body);
    if (!bool_field(answer, "ok")) throw Error(ErrorKind::internal, string_field(answer, "error", "refused without a reason"));
    Running running;
    running.pid = frame->sender;  // whatever it says
    running.ready = string_field(answer, "state") == "ready";
    running.version = string_field(answer, "version");
    const auto names = strings_field(answer, "listeners");
    for (std::size_t i = 0; i < names.size() && i < frame->fds.size(); ++i) running.listeners[names[i]] = std::move(frame->fds[i]);
    return running;
  } catch (const Error& e) {
    not_there_or_not_fit(spec, e);
    return std::nullopt;
  }
}

// All at once: TERM, a common limit, KILL.
void end_all(const std::vector<Leftover>& leftovers, Duration limit) {
  std::vector<Process> processes;
  for (const auto& leftover : leftovers) {
    try {
      auto process = Process::take_over(leftover.pid);
      if (!is_service_of(leftover.pid, leftover.program, leftover.variable)) continue;  // the number is somebody else's by now
      log::warn(leftover.why, {{"service", leftover.service}, {"pid", leftover.pid}});
      process.signal(SIGTERM);
      processes.push_back(std::move(process));
    } catch (const SysError& e) {
      if (e.kind() != ErrorKind::not_found) throw;  // it has ended by itself
    }
  }
  const auto term = Deadline::in(limit);
  for (const auto& process : processes)
    if (!os::wait_for(process.pidfd(), POLLIN, term)) process.signal(SIGKILL);
  const auto kill = Deadline::in(kKillLimit);
  for (const auto& process : processes) os::wait_for(process.pidfd(), POLLIN, kill);
}

}  // namespace

std::map<std::string, Running> take_over(const std::vector<const ServiceSpec*>& specs) {
  const auto deadline = Deadline::in(kAdoptLimit);
  std::vector<UniqueFd> connections;
  for (const auto* spec : specs) connections.push_back(ask_to_adopt(*spec, deadline));
  std::map<std::string, Running> found;
  std::vector<Leftover> leftovers;
  Duration stop_limit{};
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto& spec = *specs[i];
    const std::filesystem::path program = spec.command.at(0);
    const auto variable = notify_variable(spec);
    auto running = answer_of(spec, connections[i], deadline);
    if (running && !is_service_of(running->pid, program, variable))
      throw Error(ErrorKind::conflict, "process " + std::to_string(running->pid) + " (" + process_name(running->pid) +
                                           ") already serves '" + spec.listeners.at(0).path.string() +
                                           "' and was not started by a supervisor; stop it first");
    for (const pid_t pid : services_of(program, variable))
      if (!running || pid != running->pid) {
        leftovers.push_back({"ending a service that can't be taken over", spec.name, program, variable, pid});
        stop_limit = std::max(stop_limit, spec.stop_limit);
      }
    if (running) found[spec.name] = std::move(*running);
  }
  end_all(leftovers, stop_limit);
  return found;
}

void end_unwanted(const std::vector<std::filesystem::path>& programs, const std::string& notify_variable) {
  std::vector<Leftover> leftovers;
  for (const auto& program : programs)
    for (const pid_t pid : services_of(program, notify_variable))
      leftovers.push_back({"ending a service that is no longer wanted", program.filename().string().substr(kPrefix.size()), program,
                           notify_variable, pid});
  end_all(leftovers, kUnwantedStop);
}

std::string difference(const ServiceSpec& spec, const std::vector<std::string>& command,
                       const std::vector<std::string>& environment, const std::string& version) {
  if (version != kVersion) return "its version is " + (version.empty() ? "unknown" : version);
  // A script's command has its interpreter in front.
  const bool same_command =
      command.size() >= spec.command.size() && std::equal(spec.command.rbegin(), spec.command.rend(), command.rbegin());
  if (!same_command) return "its arguments differ";
  if (settings_in(environment) != settings_in(spec.environment)) return "its proxy settings differ";
  return "";
}

std::string difference(const ServiceSpec& spec, const Running& running) {
  if (program_was_replaced(running.pid)) return "its program file was replaced";
  return difference(spec, process_command(running.pid), process_environment(running.pid), running.version);
}

}  // namespace concourse::supervisor
