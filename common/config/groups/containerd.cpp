#include "common/config/groups.hpp"

namespace concourse::config {

Group containerd_group() {
  return {"Containerd Configuration",
          {{.name = "containerd-config", .type = Type::file, .help = "Path to a config file to use for the Containerd daemon."},
           {.name = "containerd-bin", .help = "Path to a containerd executable (non-absolute names get resolved from $PATH)."},
           {.name = "containerd-init-bin", .help = "Path to an init executable (non-absolute names get resolved from $PATH)."},
           {.name = "containerd-seccomp-profile", .help = "Path to a seccomp filter override in OCI form."},
           {.name = "containerd-oci-hooks-dir", .help = "Path to the oci hooks dir."},
           {.name = "containerd-cni-plugins-dir", .help = "Path to CNI network plugins."},
           {.name = "containerd-log-level", .type = Type::choice, .value = "info", .help = "Minimum level of logs of the Containerd daemon.", .choices = {"trace", "debug", "info", "warn", "error", "fatal", "panic"}},
           {.name = "containerd-request-timeout", .type = Type::duration, .value = "5m", .help = "How long to wait for requests to Containerd to complete. 0 means no timeout."},
           {.name = "containerd-max-containers", .type = Type::integer, .value = "250", .help = "Max container capacity. 0 means no limit."},
           {.name = "containerd-privileged-mode", .type = Type::choice, .value = "full", .help = "How many privileges privileged containers get. full is equivalent to root on host. ignore means no extra privileges. fuse-only means enough to use fuse-overlayfs.", .choices = {"full", "fuse-only", "ignore"}},
           {.name = "containerd-allowed-device", .type = Type::list, .help = "Device rule to allow in containers: 'TYPE MAJOR:MINOR ACCESS'. Can be specified multiple times."}}};
}

Group containerd_network_group() {
  return {"Containerd Container Networking",
          {{.name = "containerd-external-ip", .type = Type::ip, .help = "IP address to use to reach container's mapped ports. Autodetected if not specified."},
           {.name = "containerd-dns-server", .type = Type::list, .help = "DNS server IP address to use instead of automatically determined servers. Can be specified multiple times."},
           {.name = "containerd-additional-hosts", .type = Type::list, .help = "Additional entries to add to /etc/hosts in containers. Can be specified multiple times."},
           {.name = "containerd-restricted-network", .type = Type::list, .help = "Network ranges to which traffic from containers will be restricted. Can be specified multiple times."},
           {.name = "containerd-network-pool", .value = "10.80.0.0/16", .help = "Network range to use for dynamically allocated container subnets."},
           {.name = "containerd-mtu", .type = Type::integer, .value = "0", .help = "MTU size for container network interfaces. 0 is the MTU of the interface used for outbound access by the host."},
           {.name = "containerd-allow-host-access", .type = Type::boolean, .help = "Allow containers to reach the host's network. This is turned off by default."},
           {.name = "containerd-dns-proxy-enable", .type = Type::boolean, .help = "Enable proxy DNS server. Note: this will enable containers to access the host network."},
           {.name = "containerd-v6-enable", .type = Type::boolean, .help = "Enable IPv6 networking."},
           {.name = "containerd-v6-pool", .value = "fd9c:31a6:c759::/64", .help = "IPv6 network range to use for dynamically allocated container addresses."},
           {.name = "containerd-v6-disable-masquerade", .type = Type::boolean, .help = "Don't masquerade containers' IPv6 addresses."}}};
}

}  // namespace concourse::config
