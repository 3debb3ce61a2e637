#include "services/garden/options.hpp"

#include <filesystem>

#include "common/base/error.hpp"
#include "common/config/groups.hpp"
#include "common/config/runtime.hpp"
#include "common/daemon/log.hpp"
#include "services/garden/garden_config.hpp"
#include "services/garden/network/sysctl.hpp"
#include "services/garden/spec/id_map.hpp"

namespace concourse::garden {

namespace {

template <typename F>
auto for_flag(const char* flag, F read) {
  try {
    return read();
  } catch (const Error& e) {
    throw Error(ErrorKind::usage, std::string("flag --") + flag + ": " + e.what());
  }
}

std::optional<Ipv6Settings> ipv6_settings(const config::Values& values) {
  if (!values.flag("containerd-v6-enable")) return std::nullopt;
  return for_flag("containerd-v6-pool", [&] {
    const auto& text = values.text("containerd-v6-pool");
    Ipv6Settings settings{Ipv6Range::parse(text), !values.flag("containerd-v6-disable-masquerade"), {}};
    (void)Ipv6Pool(settings.pool);  // has room, and for such addresses
    return settings;
  });
}

// Where this worker runs in a user namespace itself, the usual range may not be there; one that was asked for must.
std::optional<OwnerRange> namespace_owners(const config::Values& values) {
  const auto& text = values.text("user-namespace-owners");
  const auto range = for_flag("user-namespace-owners", [&] { return OwnerRange::parse(text); });
  if (!range || has_ids("/proc/self/uid_map", range->first, range->last)) return range;
  const auto why = "'" + text + "' are not all ids of the user namespace that this worker runs in";
  if (values.given("user-namespace-owners")) throw Error(ErrorKind::usage, "flag --user-namespace-owners: " + why);
  log::warn("containers share per-user limits of the kernel", {{"reason", why}, {"remedy", "set --user-namespace-owners"}});
  return std::nullopt;
}

void deny(const char* flag, const std::vector<std::string>& texts, NetworkSettings& network) {
  for (const auto& text : texts)
    for_flag(flag, [&] {
      if (text.find(':') == std::string::npos) network.restricted.push_back(Ipv4Range::parse(text));
      else if (network.ipv6) network.ipv6->restricted.push_back(Ipv6Range::parse(text));
      else
        throw Error(ErrorKind::invalid,
                    "'" + text + "' is an IPv6 network, and containers have no IPv6 without --containerd-v6-enable");
    });
}

}  // namespace

config::Program program() {
  return {.name = "concourse-garden",
          .summary =
              "Serves the Garden API: makes, runs and destroys this worker's containers. Started by the supervisor or by systemd.",
          .groups = config::garden_groups(),
          .example = "  concourse-garden --work-dir /opt/concourse/worker --runtime-dir /run/concourse-worker"};
}

Options parse_options(const config::Values& given) {
  const config::Values values = with_garden_config(given);
  for (const auto& why : config::refused_runtimes(values)) throw Error(ErrorKind::usage, why);
  Options o;
  o.paths = {values.text("runtime-dir"), values.text("work-dir")};
  o.oci_runtime = values.text("oci-runtime");
  o.programs = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  if (values.integer("garden-max-containers") < 0)
    throw Error(ErrorKind::usage, "flag --garden-max-containers: must not be negative");
  o.max_containers = static_cast<std::uint64_t>(values.integer("garden-max-containers"));
  o.request_timeout.duration = values.duration("garden-request-timeout");
  if (o.request_timeout.duration <= Duration::zero()) o.request_timeout = {std::chrono::hours(24), true};
  o.default_grace_time = values.duration("garden-default-grace-time");
  o.network.id = o.paths.worker_id();
  o.network.owner = o.paths.runtime_dir.string();
  o.network.pool = for_flag("garden-network-pool", [&] { return Ipv4Range::parse(values.text("garden-network-pool")); });
  o.network.mtu = static_cast<int>(values.integer("garden-mtu"));
  o.network.external_ip = values.text("garden-external-ip");
  o.network.allow_host_access = values.flag("garden-allow-host-access");
  o.network.ipv6 = ipv6_settings(values);
  if (o.network.ipv6 && o.network.mtu > 0) for_flag("garden-mtu", [&] { check_ipv6_mtu(o.network.mtu); });
  deny("garden-deny-network", values.list("garden-deny-network"), o.network);
  deny("garden-deny-networks", values.list("garden-deny-networks"), o.network);
  o.etc.additional_hosts = values.list("garden-additional-host-entry");
  for (const auto& line : o.etc.additional_hosts) for_flag("garden-additional-host-entry", [&] { check_host_line(line); });
  o.etc.dns_servers = values.list("garden-dns-server");
  const auto& mode = values.text("containerd-privileged-mode");
  o.privileged_mode = mode == "ignore"      ? PrivilegedMode::ignore
                      : mode == "fuse-only" ? PrivilegedMode::fuse_only
                                            : PrivilegedMode::full;
  o.namespace_owners = namespace_owners(values);
  o.dns_proxy = values.flag("garden-dns-proxy-enable");
  o.etc.additional_dns_servers = values.list("garden-additional-dns-server");
  o.tcp = values.given("bind-ip") || values.given("bind-port");
  o.bind_ip = values.text("bind-ip");
  o.bind_port = values.port("bind-port");
  return o;
}

}  // namespace concourse::garden
