// concourse-garden: the Garden API over native containers. Its containers live in shims of their own and don't notice when it
// is restarted. Signals: TERM and INT stop it in order (requests that are running are waited for, containers go on).
#include <csignal>

#include "common/config/groups.hpp"
#include "common/config/parser.hpp"
#include "common/daemon/daemon.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/paths.hpp"
#include "services/garden/dns/name_service.hpp"
#include "services/garden/errors.hpp"
#include "services/garden/grace_timer.hpp"
#include "services/garden/host_findings.hpp"
#include "services/garden/options.hpp"
#include "services/garden/routes.hpp"
#include "services/garden/shim_client.hpp"
#include "services/garden/shim_events.hpp"

int main(int argc, char** argv) {
  using namespace concourse;
  return daemon::run("concourse-garden", argc, argv, [](daemon::Context& ctx) {
    const auto values = config::parse(garden::program(), ctx.arguments(), config::current_environment());
    if (values.flag(config::kCheckConfig)) host::report(ctx.name(), garden::host_findings(garden::parse_options(values)));
    ctx.checked(values);
    ctx.start("garden", values, protocol::control_socket(values.text("runtime-dir"), "garden"));
    const auto options = garden::parse_options(values);
    for (const auto& finding : garden::host_findings(options))
      if (finding.verdict == host::Verdict::warning) log::warn(finding.subject + ": " + finding.what, {{"remedy", finding.remedy}});

    garden::Network network(options.network);
    const auto runtime = garden::Runtime::discover(options);
    garden::ShimEvents events(ctx.loop());
    garden::dns::NameService names(options, network);
    garden::ContainerStore store(options, runtime, network, names, events);
    store.recover();
    names.start();
    ctx.loop().on_signal(SIGCHLD, "reap shims that have ended", [] { garden::reap_shims(); });

    const garden::Api api{store, options, network, runtime};
    http::Server server(garden::routes(api), garden::map_error);
    auto listener = ctx.listeners().take("garden", protocol::garden_socket(options.paths.runtime_dir));
    ctx.lend("garden", listener.get());
    server.add_listener(std::move(listener));
    auto tcp = ctx.listeners().take_inherited("garden-tcp");
    if (!tcp && options.tcp) tcp = daemon::listen_tcp(options.bind_ip, options.bind_port);
    if (tcp) {
      ctx.lend("garden-tcp", tcp->get());
      server.add_listener(std::move(*tcp));
    }
    server.start();
    const garden::GraceTimer grace_timer(store);
    ctx.on_status([&](Json& status) {
      status.update({{"containers", store.size()}, {"creations", store.creations()}, {"http", server.statistics()}});
      status.update(store.load());
    });
    ctx.ready();
    ctx.serve();
    server.stop(options.request_timeout.deadline());
    store.leave();
  });
}
