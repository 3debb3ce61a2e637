#include <unistd.h>

#include <cerrno>

#include "common/base/strings.hpp"
#include "common/config/groups.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "services/supervisor/checks.hpp"
#include "services/supervisor/port_owner.hpp"
#include "services/supervisor/service_spec.hpp"
#include "services/supervisor/sockets.hpp"
#include "services/supervisor/stop_settings.hpp"

namespace concourse::supervisor {

namespace {

namespace fs = std::filesystem;
using ProblemList = std::vector<Error>;

constexpr auto kServiceLimit = std::chrono::seconds(10);

void check_directory(const config::Values& values, const char* flag, ProblemList& problems) {
  const fs::path wanted = values.text(flag);
  if (wanted.empty()) return;
  auto there = wanted;
  while (!fs::exists(there)) there = there.parent_path();
  if (fs::is_directory(there) && ::access(there.c_str(), W_OK | X_OK) == 0) return;
  const auto why = fs::is_directory(there) ? errno_text(errno) : "not a directory";
  problems.emplace_back(ErrorKind::invalid, std::string("flag --") + flag + ": can't write in '" + there.string() + "': " + why +
                                                "; give a directory that root can write in");
}

void check_certificates(const config::Values& values, ProblemList& problems) {
  const auto& dir = values.text("certs-dir");
  if (!dir.empty() && !fs::is_directory(dir))
    problems.emplace_back(ErrorKind::invalid,
                          "flag --certs-dir: '" + dir + "' is no directory; steps that need certificates would fail");
}

void check_oci_runtime(const config::Values& values, const config::Environment& environment, const fs::path& programs,
                       ProblemList& problems) {
  const auto& chosen = values.text("oci-runtime");
  const auto path = environment.find("PATH");
  const auto directories = programs.string() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" +
                           (path == environment.end() ? "" : path->second);
  const auto found = [&](const std::string& name) {
    if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0;
    for (const auto& directory : split(directories, ':'))
      if (!directory.empty() && ::access((fs::path(directory) / name).c_str(), X_OK) == 0) return true;
    return false;
  };
  if (!chosen.empty() && !found(chosen))
    problems.emplace_back(ErrorKind::not_found,
                          "flag --oci-runtime: '" + chosen + "' is not installed; install it, or name crun or runc");
  else if (chosen.empty() && !found("crun") && !found("runc"))
    problems.emplace_back(ErrorKind::not_found,
                          "neither crun nor runc is installed; install one, or name another with --oci-runtime");
}

// A worker that runs already, under a supervisor or under systemd, has its own ports.
bool is_ours(const ListenerSpec& listener) {
  const auto owner = listener.path.empty() ? port_owner(listener.tcp.port) : std::nullopt;
  return owner && owner->find("(concourse") != std::string::npos;
}

void check_addresses(const std::vector<ServiceSpec>& specs, ProblemList& problems) {
  for (const auto& spec : specs)
    for (const auto& listener : spec.listeners) {
      if (is_ours(listener)) continue;
      try {
        check_address(listener);
      } catch (const Error& e) {
        problems.push_back(e);
      }
    }
}

// With something in place of what is required and missing, so that the service gets to the rest: that it is missing has been said.
std::vector<std::string> check_command(const ServiceSpec& spec, const config::Values& values) {
  auto command = spec.command;
  command.push_back(std::string("--") + config::kCheckConfig);
  command.push_back("--runtime-dir=" + values.text("runtime-dir"));
  if (values.text("work-dir").empty() && spec.name != "beacon" && spec.name != "healthcheck") command.emplace_back("--work-dir=/");
  if (values.text("tsa-worker-private-key").empty() && spec.name == "beacon")
    command.push_back("--tsa-worker-private-key=" + spec.command.at(0));
  return command;
}

// A service says each problem in a line of its own, "<program>: error: …", and what it warns of likewise.
void check_service(const ServiceSpec& spec, const config::Values& values, ProblemList& problems,
                   std::vector<std::string>& warnings) {
  if (::access(spec.command.at(0).c_str(), X_OK) != 0) return;  // told before
  const auto result = os::run_program(check_command(spec, values), Deadline::in(kServiceLimit));
  const auto warning = spec.program() + ": warning: ";
  for (const auto& line : split(result.output, '\n'))
    if (line.starts_with(warning)) warnings.push_back(line.substr(warning.size()));
  if (result.status.code == 0 && result.status.signal == 0) return;
  const auto prefix = spec.program() + ": error: ";
  bool told = false;
  for (const auto& line : split(result.output, '\n'))
    if (line.starts_with(prefix)) {
      told = true;
      // The one in place of the missing key is none.
      if (values.text("tsa-worker-private-key").empty() && line.starts_with(prefix + "flag --tsa-worker-private-key")) continue;
      problems.emplace_back(result.status.code == 2 ? ErrorKind::usage : ErrorKind::invalid, line.substr(prefix.size()));
    }
  if (!told) problems.emplace_back(ErrorKind::internal, spec.program() + " --check-config ended with " + result.status.text());
}

}  // namespace

std::vector<Error> check_thoroughly(const config::Values& values, const config::Environment& environment, const fs::path& programs,
                                    std::vector<std::string>& warnings) {
  ProblemList problems;
  const auto specs = service_specs(values, programs, environment);
  for (const auto& wrong : wrong_stop_settings(environment)) problems.emplace_back(ErrorKind::usage, wrong);
  check_directory(values, "work-dir", problems);
  check_directory(values, "runtime-dir", problems);
  check_certificates(values, problems);
  check_oci_runtime(values, environment, programs, problems);
  check_addresses(specs, problems);
  for (const auto& spec : specs) {
    try {
      check_service(spec, values, problems, warnings);
    } catch (const Error& e) {
      problems.push_back(with_context(spec.program() + " --check-config", e));
    }
  }
  return problems;
}

}  // namespace concourse::supervisor
