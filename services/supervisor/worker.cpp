#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <set>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/groups.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/paths.hpp"
#include "common/version.hpp"
#include "services/supervisor/checks.hpp"
#include "services/supervisor/commands.hpp"
#include "services/supervisor/limits.hpp"
#include "services/supervisor/locks.hpp"
#include "services/supervisor/options.hpp"
#include "services/supervisor/supervisor.hpp"

namespace concourse::supervisor {

namespace {

std::filesystem::path own_directory() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

// --check-config: one line a problem, all of them.
void report(daemon::Context& context, const std::vector<Error>& problems, const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) std::fprintf(stderr, "%s: warning: %s\n", context.name().c_str(), warning.c_str());
  std::set<std::string> said;  // several services may have the same to say about a flag that they share
  for (const auto& problem : problems)
    if (said.insert(problem.what()).second) std::fprintf(stderr, "%s: error: %s\n", context.name().c_str(), problem.what());
  if (problems.empty()) std::puts("configuration is fine");
  context.finish(problems.empty() ? 0 : problems.front().kind() == ErrorKind::usage ? 2 : 1);
}

void log_start(const config::Values& values) {
  log::info("starting", {{"version", kVersion}, {"pid", getpid()}, {"options", values.to_arguments(worker_program().groups)}});
  const auto groups = worker_program().groups;
  log::info("settings", {{"command_line", values.effective(groups, config::Source::command_line)},
                         {"environment", values.effective(groups, config::Source::environment)},
                         {"defaults", values.effective(groups, config::Source::fallback)}});
  if (!values.words.empty()) log::warn("words on the command line without effect", {{"words", values.words}});
}

}  // namespace

void run_worker(daemon::Context& context, const Arguments& arguments) {
  const auto environment = config::current_environment();
  std::vector<std::string> wrong;
  const auto values = config::parse(worker_program(), arguments, environment, /*words_allowed=*/true, wrong);
  const bool check_only = values.flag(config::kCheckConfig);
  if (!wrong.empty() && !check_only) throw Problems(ErrorKind::usage, std::move(wrong));
  const auto programs = own_directory();
  auto problems = check(values, environment, programs);
  if (check_only) {
    std::vector<std::string> warnings;
    for (auto& more : check_thoroughly(values, environment, programs, warnings)) problems.push_back(std::move(more));
    for (auto text = wrong.rbegin(); text != wrong.rend(); ++text)
      problems.insert(problems.begin(), Error(ErrorKind::usage, *text));
    return report(context, problems, warnings);
  }
  if (!problems.empty()) throw problems.front();

  const std::filesystem::path runtime_dir = values.text("runtime-dir");
  const auto locks = lock_directories(runtime_dir, values.text("work-dir"));
  raise_limits();
  const auto control = protocol::control_socket(runtime_dir, "supervisor");
  context.start("supervisor", values, control);
  log_start(values);

  Supervisor supervisor(context, runtime_dir, service_specs(values, programs, environment), values.duration("drain-timeout"));
  auto& loop = context.loop();
  loop.on_signal(SIGTERM, "stop in place: containers go on, the next start takes them over", [&] { supervisor.stop("SIGTERM"); });
  loop.on_signal(SIGINT, "as SIGTERM", [&] { supervisor.stop("SIGINT"); });
  loop.on_signal(SIGUSR1, "land: take no new work, end when the running builds have ended",
                 [&] { supervisor.drain(DrainMode::land); });
  loop.on_signal(SIGUSR2, "retire: as land, then leave the cluster", [&] { supervisor.drain(DrainMode::retire); });
  loop.on_signal(SIGQUIT, "log the state of every service, go on", [&] { supervisor.log_state(); });
  if (getpid() == 1) loop.on_signal(SIGCHLD, "reap processes whose parents have gone", [&] { supervisor.reap_orphans(); });
  context.on_status([&](Json& status) { status.update(supervisor.status()); });
  context.on_control("drain", [&](const Json& question, auto&) { return supervisor.answer_drain(question); });
  context.on_control("restart", [&](const Json& question, auto&) { return supervisor.answer_restart(question); });

  supervisor.start();
  loop.run();
  ::unlink(control.c_str());
  if (supervisor.failure()) throw *supervisor.failure();
}

}  // namespace concourse::supervisor
