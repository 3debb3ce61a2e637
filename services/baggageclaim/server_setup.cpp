#include "services/baggageclaim/server_setup.hpp"

#include <malloc.h>
#include <sys/resource.h>

#include "common/daemon/log.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr int kMaxArenas = 4;
}

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

void start_log(const Options& options) {
  const auto& format = options.values.text("log-format");
  log::start("baggageclaim", log::parse_level(options.values.text("log-level")),
             format == "auto"   ? log::default_format()
             : format == "json" ? log::Format::json
                                : log::Format::text);
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

void add_status(daemon::Context& ctx, const Tree& tree, const PromiseList& promises, const http::Server& server) {
  ctx.on_status([&](Json& status) {
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
