#include "services/baggageclaim/server_setup.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <thread>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/notify.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/p2p/p2p_surface.hpp"
#include "services/baggageclaim/volume_kinds.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr auto kLook = std::chrono::milliseconds(200);
constexpr auto kGardenLimit = std::chrono::seconds(1);  // for its answer, when it is well
// When the whole worker is told to stop, Garden may hear of it later than we do.
constexpr auto kGardenHears = std::chrono::milliseconds(500);
constexpr auto kGardenPause = std::chrono::milliseconds(50);
}  // namespace

void prepare_process(const Options& options) {
  // Walks of deep trees hold a descriptor a level.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  os::make_directories(options.paths.volumes());
}

void start_log(const Options& options) {
  const auto& values = options.values;
  log::start("baggageclaim", log::parse_level(values.text("log-level")), log::parse_format(values.text("log-format")));
}

void add_listeners(http::Server& server, daemon::Context& ctx, const Options& options) {
  const auto add = [&](const std::string& name, UniqueFd listener) {
    ctx.lend(name, listener.get());
    const auto surface = surface_of(listener.get(), options.full_api);
    if (surface == http::Surface::restricted)
      log::info("peers may stream in and see the list of volumes, and nothing else",
                {{"listener", name}, {"for all of the API", "--baggageclaim-bind-full-api"}});
    server.add_listener(std::move(listener), surface);
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

bool drain(http::Server& server, PromiseList& promises, http::WorkerPool& creations, const std::atomic<bool>& at_once) {
  promises.abandon();
  const auto deadline = Deadline::in(kDrain);
  while (!server.stop(Deadline::in(kLook)) || !creations.wait_idle(Deadline::in(kLook)))
    if (deadline.passed() || at_once) return false;
  return true;
}

void cut_off(const http::Server& server) {
  log::warn("requests cut off", {{"running", server.requests_running()}});
  daemon::notify("EXIT_STATUS=0");
  std::_Exit(0);
}

bool garden_runs(const Options& options) {
  if (options.garden_control.empty()) return false;
  for (const auto deadline = Deadline::in(kGardenHears);; std::this_thread::sleep_for(kGardenPause)) {
    try {
      const auto answer = daemon::ask(options.garden_control, {{"command", "status"}}, Deadline::in(kGardenLimit));
      if (string_field(answer, "state") == "stopping") return false;
    } catch (const Error&) {
      return false;  // nobody there, or not well enough to make containers
    }
    if (deadline.passed()) return true;
  }
}

void add_status(daemon::Context& ctx, const Tree& tree, const DiskWatch& disk, const PromiseList& promises,
                const http::Server& server) {
  ctx.on_status([&, kinds = std::make_shared<VolumeKinds>()](Json& status) {
    const auto count = [&](Stage stage) { return tree.filesystem().list(stage).size(); };
    const auto& report = tree.report();
    status["driver"] = tree.choice().driver->name();
    status["driver_reason"] = tree.choice().reason;
    status["ids"] = tree.choice().ids;
    status["volumes"] = {{"live", count(Stage::live)},
                         {"init", count(Stage::init)},
                         {"dead", count(Stage::dead)},
                         {"quarantined", tree.filesystem().quarantined()},
                         {"unsynced", tree.syncer().waiting()}};
    status["volume_kinds"] = kinds->count(tree.filesystem());
    status["recovered"] = {{"live", report.live},
                           {"unfinished_removed", report.unfinished},
                           {"streams_undone", report.streams_undone},
                           {"lost", report.lost},
                           {"quarantined", report.quarantined}};
    status["creations"] = promises.size();
    status["disk"] = disk.status();
    status["requests"] = server.requests_running();
    status["http"] = server.statistics();
  });
}

}  // namespace concourse::baggageclaim
