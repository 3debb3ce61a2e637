#include "common/config/groups.hpp"

namespace concourse::config {

namespace {

// Options of the peer's `gdn server` that have no meaning for a Garden without images, assets and helper binaries. The ini
// file and CONCOURSE_GARDEN_* may name them. Those that would loosen or change what an operator relies on (network-plugin,
// disable-privileged-containers, apparmor …) are not here: naming one is an error, never silently without effect.
constexpr std::string_view kWithoutEffect[] = {"garden-assets-dir",
                                               "garden-bind-ip",
                                               "garden-bind-port",
                                               "garden-bind-socket",
                                               "garden-cleanup-process-dirs-on-wait",
                                               "garden-console-sockets-path",
                                               "garden-dadoo-bin",
                                               "garden-debug-bind-ip",
                                               "garden-debug-bind-port",
                                               "garden-depot",
                                               "garden-docker-registry",
                                               "garden-dropsonde-destination",
                                               "garden-dropsonde-origin",
                                               "garden-graph",
                                               "garden-graph-cleanup-threshold-in-megabytes",
                                               "garden-init-bin",
                                               "garden-insecure-docker-registry",
                                               "garden-iptables-bin",
                                               "garden-iptables-restore-bin",
                                               "garden-log-level",
                                               "garden-metrics-emission-interval",
                                               "garden-no-image-plugin",
                                               "garden-nstar-bin",
                                               "garden-persistent-image",
                                               "garden-port-pool-properties-path",
                                               "garden-port-pool-size",
                                               "garden-port-pool-start",
                                               "garden-properties-path",
                                               "garden-runtime-plugin",
                                               "garden-runtime-plugin-extra-arg",
                                               "garden-skip-setup",
                                               "garden-tag",
                                               "garden-tar-bin"};

std::string_view instead_of(std::string_view name) {
  if (name == "garden-log-level") return "use --log-level";
  if (name.starts_with("garden-bind-")) return "use --bind-ip and --bind-port";
  if (name.starts_with("garden-runtime-plugin")) return "use --oci-runtime";
  if (name.starts_with("garden-debug-")) return "ask the service with concourse-workerctl status";
  return "this Garden has no use for it";
}

}  // namespace

Group garden_group() {
  Group group{
      "Guardian Configuration",
      {{.name = "garden-bin", .help = "Refused: this worker runs its own Garden and no gdn."},
       {.name = "garden-request-timeout",
        .type = Type::duration,
        .value = "5m",
        .help = "Time within which Garden must answer the worker itself; 0 for no limit.",
        .at_least = "0"},
       {.name = "garden-config",
        .type = Type::file,
        .help = "Ini file with a section [server] of the options below, without 'garden-'."},
       {.name = "garden-dns-proxy-enable",
        .type = Type::boolean,
        .help = "Serve names to containers on port 53 of their gateway, by asking the host's own name servers; no more of the "
                "host is opened to them."},
       {.name = "garden-network-pool",
        .type = Type::cidr,
        .value = "10.80.0.0/16",
        .help = "Network from which containers get their addresses."},
       {.name = "garden-max-containers",
        .type = Type::integer,
        .value = "250",
        .help = "Most containers at a time; 0 for no limit.",
        .at_least = "0"},
       {.name = "garden-dns-server",
        .type = Type::list,
        .help = "Name server of containers in place of the host's. May be repeated.",
        .element = Type::ip},
       {.name = "garden-additional-dns-server",
        .type = Type::list,
        .help = "Name server of containers behind the host's. May be repeated.",
        .element = Type::ip},
       {.name = "garden-additional-host-entry",
        .type = Type::list,
        .help = "Line 'IP NAME' for the containers' /etc/hosts. May be repeated."},
       {.name = "garden-allow-host-access",
        .type = Type::boolean,
        .help = "Containers can reach the host: every port on which it listens."},
       {.name = "garden-deny-network",
        .type = Type::list,
        .help = "Network that containers can't reach. May be repeated.",
        .element = Type::cidr},
       {.name = "garden-deny-networks",
        .type = Type::list,
        .help = "As --garden-deny-network.",
        .element = Type::cidr,
        .hidden = true},
       {.name = "garden-external-ip", .type = Type::ip, .help = "Address of the host towards the outside; detected if not given."},
       {.name = "garden-mtu",
        .type = Type::integer,
        .value = "0",
        .help = "MTU of the containers' interfaces; 0 for that of the host's interface to the outside.",
        .at_least = "0"},
       {.name = "garden-default-grace-time",
        .type = Type::duration,
        .value = "0",
        .help = "Idle time after which a container that names none is destroyed; 0 for never.",
        .at_least = "0"}}};
  for (const auto name : kWithoutEffect) group.options.push_back({.name = name, .hidden = true, .instead = instead_of(name)});
  return group;
}

}  // namespace concourse::config
