#include "common/config/groups.hpp"

namespace concourse::config {

Group containerd_group() {
  return {"Containerd Configuration",
          {{.name = "containerd-config", .type = Type::file, .instead = "this worker runs no containerd"},
           {.name = "containerd-bin", .instead = "this worker runs no containerd; use --oci-runtime for what makes the containers"},
           {.name = "containerd-init-bin", .instead = "pid 1 of a container is the worker's own"},
           {.name = "containerd-seccomp-profile", .instead = "the built-in profile always holds"},
           {.name = "containerd-oci-hooks-dir", .instead = "containers have no OCI hooks"},
           {.name = "containerd-cni-plugins-dir", .instead = "Garden makes the network itself"},
           {.name = "containerd-log-level",
            .type = Type::choice,
            .value = "info",
            .choices = {"trace", "debug", "info", "warn", "error", "fatal", "panic"},
            .instead = "use --log-level"},
           {.name = "containerd-request-timeout",
            .type = Type::duration,
            .value = "5m",
            .at_least = "0",
            .instead = "use --garden-request-timeout"},
           {.name = "containerd-max-containers",
            .type = Type::integer,
            .value = "250",
            .at_least = "0",
            .instead = "use --garden-max-containers"},
           {.name = "containerd-privileged-mode",
            .type = Type::choice,
            .value = "full",
            .help = "Powers of privileged containers: those of root on the host, those that fuse-overlayfs needs, or none.",
            .choices = {"full", "fuse-only", "ignore"}},
           {.name = "containerd-allowed-device", .type = Type::list, .instead = "containers have a fixed set of devices"}}};
}

Group containerd_network_group() {
  return {
      "Containerd Networking",
      {{.name = "containerd-external-ip", .type = Type::ip, .instead = "use --garden-external-ip"},
       {.name = "containerd-dns-server", .type = Type::list, .element = Type::ip, .instead = "use --garden-dns-server"},
       {.name = "containerd-additional-hosts", .type = Type::list, .instead = "use --garden-additional-host-entry"},
       {.name = "containerd-restricted-network", .type = Type::list, .element = Type::cidr, .instead = "use --garden-deny-network"},
       {.name = "containerd-network-pool", .type = Type::cidr, .value = "10.80.0.0/16", .instead = "use --garden-network-pool"},
       {.name = "containerd-mtu", .type = Type::integer, .value = "0", .at_least = "0", .instead = "use --garden-mtu"},
       {.name = "containerd-allow-host-access", .type = Type::boolean, .instead = "use --garden-allow-host-access"},
       {.name = "containerd-dns-proxy-enable", .type = Type::boolean, .instead = "use --garden-dns-proxy-enable"},
       {.name = "containerd-v6-enable", .type = Type::boolean, .help = "Give containers IPv6 too."},
       {.name = "containerd-v6-pool",
        .type = Type::cidr,
        .value = "fd9c:31a6:c759::/64",
        .help = "Network from which containers get their IPv6 addresses."},
       {.name = "containerd-v6-disable-masquerade",
        .type = Type::boolean,
        .help = "Send the containers' IPv6 packets out under their own addresses."}}};
}

}  // namespace concourse::config
