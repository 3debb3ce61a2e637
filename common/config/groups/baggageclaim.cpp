#include "common/config/groups.hpp"

namespace concourse::config {

Group baggageclaim_group() {
  return {"Baggageclaim Configuration",
          {{.name = "baggageclaim-log-level", .type = Type::choice, .value = "info", .choices = {"debug", "info", "error", "fatal"}, .instead = "use --log-level"},
           {.name = "baggageclaim-bind-ip", .type = Type::ip, .value = "127.0.0.1", .help = "IP address on which to also serve the BaggageClaim API (0.0.0.0 for peer-to-peer streaming); without this or --baggageclaim-bind-port only its Unix socket is served."},
           {.name = "baggageclaim-bind-port", .type = Type::port, .value = "7788", .help = "Port on which to also serve the BaggageClaim API."},
           {.name = "baggageclaim-debug-bind-ip", .type = Type::ip, .value = "127.0.0.1", .instead = "ask the service with concourse-workerctl status"},
           {.name = "baggageclaim-debug-bind-port", .type = Type::port, .value = "7787", .instead = "ask the service with concourse-workerctl status"},
           {.name = "baggageclaim-p2p-interface-name-pattern", .value = "eth0", .help = "Regular expression to match a network interface for p2p streaming."},
           {.name = "baggageclaim-p2p-interface-family", .type = Type::choice, .value = "4", .help = "4 for IPv4 and 6 for IPv6.", .choices = {"4", "6"}},
           {.name = "baggageclaim-volumes", .type = Type::directory, .instead = "volumes are always in <work-dir>/volumes"},
           {.name = "baggageclaim-driver", .type = Type::choice, .value = "detect", .help = "Driver to use for managing volumes.", .choices = {"detect", "naive", "btrfs", "overlay"}},
           {.name = "baggageclaim-btrfs-bin", .value = "btrfs", .help = "Path to btrfs binary."},
           {.name = "baggageclaim-mkfs-bin", .value = "mkfs.btrfs", .help = "Path to mkfs.btrfs binary."},
           {.name = "baggageclaim-overlays-dir", .type = Type::directory, .instead = "overlays are always in <work-dir>/overlays"},
           {.name = "baggageclaim-disable-user-namespaces", .type = Type::boolean, .help = "Disable remapping of user and group ids in unprivileged volumes."}}};
}

}  // namespace concourse::config
