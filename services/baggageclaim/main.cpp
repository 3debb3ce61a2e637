// concourse-baggageclaim: the volume server of a Concourse worker (README.md).
#include <atomic>
#include <system_error>
#include <thread>

#include "common/base/helpers.hpp"
#include "common/config/groups.hpp"
#include "common/daemon/daemon.hpp"
#include "common/daemon/log.hpp"
#include "common/host/peer_address.hpp"
#include "common/http/server.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/api/creation_routes.hpp"
#include "services/baggageclaim/api/error_reply.hpp"
#include "services/baggageclaim/api/routes.hpp"
#include "services/baggageclaim/convert_to_go.hpp"
#include "services/baggageclaim/reserve.hpp"
#include "services/baggageclaim/server_setup.hpp"
#include "services/baggageclaim/tree.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

namespace {

void serve(daemon::Context& ctx, const Options& options, Tree& tree) {
  VolumeRepository volumes(tree.filesystem(), tree.driver(), tree.policy(), tree.syncer());
  DiskWatch disk(tree.filesystem().paths(), options.marks);
  PromiseList promises;
  FutureJournal futures(options.standalone ? fs::path() : options.socket.parent_path() / "baggageclaim-futures");
  http::WorkerPool creations(kMaxCreations);
  Service service{volumes, promises, futures, creations, tree.syncer(), disk, options.p2p, options.limits};
  http::Server server(routes(service), reply_error, {.continue_header = std::string(protocol::baggageclaim::kReadsHoles)});
  resume_creations(service);
  add_listeners(server, ctx, options);
  add_status(ctx, tree, disk, promises, server);
  server.start();
  log::info("listening", {{"addresses", addresses(options)}});
  ctx.ready();

  std::atomic<bool> drained = false, at_once = false;
  std::thread stopper;
  ctx.serve([&] {
    try {
      stopper = std::thread([&] {
        drained = drain(server, promises, creations, at_once);
        ctx.loop().post([&] { ctx.finish(); });
      });
    } catch (const std::system_error& e) {
      log::warn("streams are cut off", {{"error", no_thread(e)}});
      ctx.finish();
    }
  });
  at_once = true;
  if (stopper.joinable()) stopper.join();
  if (!drained) cut_off(server);
}

void convert(const Tree& tree) {
  const auto report = convert_to_go(tree.filesystem(), tree.driver(), tree.policy());
  log::info("converted for the Go worker", {{"walked", report.walked}, {"copied", report.copied}});
}

}  // namespace

int main(int argc, char** argv) {
  return daemon::run("concourse-baggageclaim", argc, argv, [](daemon::Context& ctx) {
    const auto options = parse_options(ctx.arguments(), config::current_environment());
    const auto peers = options.standalone ? host::Findings{} : host::peer_streaming(options.values, host::interface_addresses());
    if (!options.standalone) {
      if (options.values.flag(config::kCheckConfig)) host::report(ctx.name(), peers);
      ctx.checked(options.values);
    }
    prepare_process(options);
    // Before the sockets are touched: they may be another server's.
    auto lock = lock_tree(options.paths);
    Reserve(options.paths.reserve()).give_up_for_start();
    if (options.convert) {
      start_log(options);
      return convert(Tree(options, std::move(lock)));
    }
    ctx.start("baggageclaim", options.values, options.control_socket);
    for (const auto& finding : peers)
      if (finding.verdict != host::Verdict::ok) log::warn(finding.subject + ": " + finding.what, {{"remedy", finding.remedy}});
    Tree tree(options, std::move(lock));
    serve(ctx, options, tree);
    tree.close(/*keep_mounts=*/garden_runs(options));
  });
}
