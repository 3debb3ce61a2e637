#include "services/supervisor/takeover.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/error.hpp"
#include "common/daemon/control.hpp"
#include "common/daemon/log.hpp"
#include "common/os/unix_socket.hpp"
#include "common/version.hpp"
#include "services/supervisor/proc.hpp"
#include "services/supervisor/process.hpp"

namespace concourse::supervisor {

namespace {

constexpr auto kAdoptLimit = std::chrono::seconds(5);
constexpr auto kUnwantedStop = std::chrono::seconds(4);
constexpr std::size_t kCommLength = 15;  // what the kernel keeps of a program's name

std::string notify_variable(const ServiceSpec& spec) {
  for (const auto& variable : spec.environment)
    if (variable.starts_with("NOTIFY_SOCKET=")) return variable;
  return "";
}

std::vector<pid_t> candidates(const std::string& program, const std::string& variable) {
  const auto name = program.substr(0, kCommLength);
  std::vector<pid_t> found;
  for (const pid_t pid : process_ids()) {
    if (process_name(pid) != name) continue;
    const auto environment = process_environment(pid);
    if (std::find(environment.begin(), environment.end(), variable) != environment.end()) found.push_back(pid);
  }
  return found;
}

// Who answers on the control socket; nothing if nobody does.
std::optional<Running> adopt(const ServiceSpec& spec) {
  std::vector<UniqueFd> fds;
  Json answer;
  try {
    answer = daemon::ask(spec.listeners.at(0).path, {{"command", "adopt"}}, Deadline::in(kAdoptLimit),
                         {STDOUT_FILENO, STDERR_FILENO}, &fds);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::not_found && e.kind() != ErrorKind::unavailable)
      log::warn("service does not answer", {{"service", spec.name}, {"error", e.what()}});
    return std::nullopt;
  }
  Running running;
  running.pid = static_cast<pid_t>(int_field(answer, "pid"));
  running.ready = string_field(answer, "state") == "ready";
  running.version = string_field(answer, "version");
  const auto names = strings_field(answer, "listeners");
  for (std::size_t i = 0; i < names.size() && i < fds.size(); ++i) running.listeners[names[i]] = std::move(fds[i]);
  return running;
}

void end_process(pid_t pid, Duration limit) {
  try {
    const auto process = Process::take_over(pid);
    process.signal(SIGTERM);
    if (os::wait_for(process.pidfd(), POLLIN, Deadline::in(limit))) return;
    process.signal(SIGKILL);
    os::wait_for(process.pidfd(), POLLIN, Deadline::in(kAdoptLimit));
  } catch (const SysError& e) {
    if (e.kind() != ErrorKind::not_found) throw;  // it has ended by itself
  }
}

}  // namespace

std::optional<Running> take_over(const ServiceSpec& spec) {
  const auto ours = candidates(spec.program(), notify_variable(spec));
  auto running = adopt(spec);
  if (running && std::find(ours.begin(), ours.end(), running->pid) == ours.end())
    throw Error(ErrorKind::conflict, "process " + std::to_string(running->pid) + " (" + process_name(running->pid) +
                                         ") already serves '" + spec.listeners.at(0).path.string() +
                                         "' and was not started by a supervisor; stop it first");
  for (const pid_t pid : ours) {
    if (running && pid == running->pid) continue;
    log::warn("ending a service that can't be taken over", {{"service", spec.name}, {"pid", pid}});
    end_process(pid, spec.stop_limit);
  }
  return running;
}

void end_unwanted(const std::string& name, const std::string& notify_variable) {
  for (const pid_t pid : candidates("concourse-" + name, notify_variable)) {
    log::info("ending a service that is no longer wanted", {{"service", name}, {"pid", pid}});
    end_process(pid, kUnwantedStop);
  }
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
