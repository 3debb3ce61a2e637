// concourse-baggageclaim: the volume server of a Concourse worker (README.md).
#include <thread>

#include "common/base/error.hpp"
#include "common/daemon/daemon.hpp"
#include "common/daemon/log.hpp"
#include "common/http/server.hpp"
#include "services/baggageclaim/api/error_reply.hpp"
#include "services/baggageclaim/api/routes.hpp"
#include "services/baggageclaim/server_setup.hpp"

using namespace concourse;

int main(int argc, char** argv) {
  return daemon::run("concourse-baggageclaim", argc, argv, [](daemon::Context& ctx) {
    auto options = baggageclaim::parse_options(ctx.arguments(), config::current_environment());
    baggageclaim::prepare_process(options);
    const auto lock = baggageclaim::lock_tree(options.paths);
    ctx.start("baggageclaim", options.values, options.control_socket);

    const auto policy = baggageclaim::id_policy(options);
    const auto machine = baggageclaim::Machine::look(options.paths);
    const auto choice = baggageclaim::choose_driver(options.driver, options.paths, policy, machine);
    const auto mounted_lock = baggageclaim::lock_mounted_tree(lock, options.paths);
    log::info("driver", {{"driver", choice.driver->name()}, {"reason", choice.reason}, {"ids", choice.ids}});
    baggageclaim::Filesystem filesystem(options.paths);
    baggageclaim::Syncer syncer(options.paths, machine.boot_id());
    const auto report = baggageclaim::recover(filesystem, *choice.driver, policy, machine, syncer);
    baggageclaim::log_report(report);

    baggageclaim::VolumeRepository volumes(filesystem, *choice.driver, policy, syncer);
    baggageclaim::PromiseList promises;
    http::WorkerPool creations(baggageclaim::kMaxCreations);
    baggageclaim::Service service{volumes, promises, creations, syncer, options.p2p, options.limits};
    http::Server server(baggageclaim::routes(service), baggageclaim::reply_error);
    baggageclaim::add_listeners(server, ctx, options);
    baggageclaim::add_status(ctx, choice, report, filesystem, promises, server);
    server.start();
    log::info("listening", {{"addresses", baggageclaim::addresses(options)}});
    ctx.ready();

    std::thread stopper;
    ctx.serve([&] {
      stopper = std::thread([&] {
        const bool drained = server.stop(Deadline::in(baggageclaim::kDrain));
        if (!drained) log::warn("requests cut off", {{"running", server.requests_running()}});
        ctx.loop().post([&] { ctx.finish(); });
      });
    });
    if (stopper.joinable()) stopper.join();
    machine.note_clean_stop(options.paths);
  });
}
