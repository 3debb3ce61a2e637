#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/paths.hpp"
#include "common/version.hpp"
#include "services/supervisor/checks.hpp"
#include "services/supervisor/commands.hpp"
#include "services/supervisor/leftovers.hpp"
#include "services/supervisor/limits.hpp"
#include "services/supervisor/locks.hpp"
#include "services/supervisor/options.hpp"
#include "services/supervisor/supervisor.hpp"

namespace concourse::supervisor {

namespace {

std::filesystem::path own_directory() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

// --check-config: one line a problem, all of them.
void report(daemon::Context& context, const std::vector<Error>& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s: error: %s\n", context.name().c_str(), problem.what());
  if (problems.empty()) std::puts("configuration is fine");
  context.finish(problems.empty() ? 0 : problems.front().kind() == ErrorKind::usage ? 2 : 1);
}

void log_start(const config::Values& values) {
  log::info("starting", {{"version", kVersion}, {"pid", getpid()}, {"options", values.to_arguments(worker_program().groups)}});
  for (const auto& warning : values.warnings) log::warn(warning);
  if (const auto ignored = ignored_settings(values); !ignored.empty()) log::warn(ignored);
  if (!values.words.empty()) log::warn("words on the command line without effect", {{"words", values.words}});
}

}  // namespace

void run_worker(daemon::Context& context, const Arguments& arguments) {
  const auto environment = config::current_environment();
  const auto values = config::parse(worker_program(), arguments, environment, /*words_allowed=*/true);
  const auto programs = own_directory();
  const auto problems = check(values, environment, programs);
  if (values.flag("check-config")) return report(context, problems);
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
