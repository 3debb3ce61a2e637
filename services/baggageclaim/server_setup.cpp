#include "services/baggageclaim/server_setup.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <thread>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/uidgid/max_valid_id.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr auto kLockPatience = std::chrono::seconds(10);
constexpr auto kLockPause = std::chrono::milliseconds(50);
constexpr int kMaxArenas = 4;
}  // namespace

void prepare_process(const Options& options) {
  // Walks of deep trees hold a descriptor a level.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  // Memory that a stream's threads have used comes back to a few pools, not to one a thread.
  ::mallopt(M_ARENA_MAX, kMaxArenas);
  os::make_directories(options.paths.volumes());
}

UniqueFd lock_tree(const Paths& paths) {
  const auto deadline = Deadline::in(kLockPatience);
  for (;;) {
    if (auto lock = os::try_lock_file(paths.lock())) return std::move(*lock);
    if (deadline.passed())
      throw Error(ErrorKind::unavailable, "'" + paths.volumes().string() + "' is in use by process " +
                                              os::read_file(paths.lock()).value_or("?") + "; stop it, or choose another directory");
    std::this_thread::sleep_for(kLockPause);
  }
}

UniqueFd lock_mounted_tree(const UniqueFd& lock, const Paths& paths) {
  struct stat held {
  }, visible{};
  if (::fstat(lock.get(), &held) != 0) throw SysError("stat the lock");
  const bool same = ::stat(paths.lock().c_str(), &visible) == 0 && held.st_dev == visible.st_dev && held.st_ino == visible.st_ino;
  return same ? UniqueFd() : lock_tree(paths);
}

IdPolicy id_policy(const Options& options) {
  IdPolicy policy;
  if (options.user_namespaces) policy.max = own_max_valid_id();
  policy.privileged_is_host_root = options.privileged_is_host_root;
  return policy;
}

void log_report(const RecoveryReport& report) {
  log::info("recovered", {{"live", report.live},
                          {"unfinished", report.unfinished},
                          {"streams", report.streams_undone},
                          {"lost", report.lost},
                          {"quarantined", report.quarantined}});
}

void add_listeners(http::Server& server, daemon::Context& ctx, const Options& options) {
  const auto add = [&](const std::string& name, UniqueFd listener) {
    ctx.lend(name, listener.get());
    server.add_listener(std::move(listener));
  };
  if (!options.socket.empty()) add("baggageclaim", ctx.listeners().take("baggageclaim", options.socket));
  if (auto inherited = ctx.listeners().take_inherited("baggageclaim-tcp")) add("baggageclaim-tcp", std::move(*inherited));
  else if (options.tcp) add("baggageclaim-tcp", daemon::listen_tcp(options.tcp->ip, options.tcp->port));
}

std::vector<std::string> addresses(const Options& options) {
  std::vector<std::string> all;
  if (!options.socket.empty()) all.push_back(options.socket.string());
  if (options.tcp) all.push_back(options.tcp->ip + ":" + std::to_string(options.tcp->port));
  return all;
}

void add_status(daemon::Context& ctx, const DriverChoice& choice, const RecoveryReport& report, const Filesystem& filesystem,
                const PromiseList& promises, const http::Server& server) {
  ctx.on_status([&](Json& status) {
    status["driver"] = choice.driver->name();
    status["driver_reason"] = choice.reason;
    status["ids"] = choice.ids;
    status["volumes"] = {{"live", filesystem.list(Stage::live).size()},
                         {"init", filesystem.list(Stage::init).size()},
                         {"dead", filesystem.list(Stage::dead).size()},
                         {"quarantined", filesystem.quarantined()}};
    status["recovered"] = {{"live", report.live},
                           {"unfinished_removed", report.unfinished},
                           {"streams_undone", report.streams_undone},
                           {"lost", report.lost},
                           {"quarantined", report.quarantined}};
    status["creations"] = promises.size();
    status["requests"] = server.requests_running();
  });
}

}  // namespace concourse::baggageclaim
