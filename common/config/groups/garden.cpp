#include "common/config/groups.hpp"

namespace concourse::config {

// The first six are the peer's flags; the others are those of gdn that the peer takes from CONCOURSE_GARDEN_* only.
Group garden_group() {
  return {"Guardian Configuration",
          {{.name = "garden-bin", .help = "Path to a garden server executable to run instead of our own (non-absolute names get resolved from $PATH)."},
           {.name = "garden-request-timeout", .type = Type::duration, .value = "5m", .help = "How long to wait for requests to the Garden server to complete. 0 means no timeout."},
           {.name = "garden-config", .type = Type::file, .help = "Path to a config file (ini, section [server]) to use for the Garden backend."},
           {.name = "garden-dns-proxy-enable", .type = Type::boolean, .help = "Enable proxy DNS server. Note: this will enable containers to access the host network."},
           {.name = "garden-network-pool", .value = "10.80.0.0/16", .help = "Network range to use for dynamically allocated container subnets."},
           {.name = "garden-max-containers", .type = Type::integer, .value = "250", .help = "Maximum container capacity. 0 means no limit."},
           {.name = "garden-dns-server", .type = Type::list, .help = "DNS server IP address to use instead of the host's. Can be specified multiple times."},
           {.name = "garden-additional-dns-server", .type = Type::list, .help = "DNS server IP address to add to the host's. Can be specified multiple times."},
           {.name = "garden-additional-host-entry", .type = Type::list, .help = "Line to add to containers' /etc/hosts. Can be specified multiple times."},
           {.name = "garden-allow-host-access", .type = Type::boolean, .help = "Allow containers to reach the host's network."},
           {.name = "garden-deny-network", .type = Type::list, .help = "Network range that containers can't reach. Can be specified multiple times."},
           {.name = "garden-deny-networks", .type = Type::list, .help = "As --garden-deny-network.", .hidden = true},
           {.name = "garden-external-ip", .type = Type::ip, .help = "IP address to use to reach container's mapped ports. Autodetected if not specified."},
           {.name = "garden-mtu", .type = Type::integer, .value = "0", .help = "MTU size for container network interfaces. 0 is the MTU of the interface used for outbound access by the host."},
           {.name = "garden-default-grace-time", .type = Type::duration, .value = "0", .help = "Default time after which an idle container is destroyed; 0 for never."}}};
}

}  // namespace concourse::config
