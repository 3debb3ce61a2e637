#include "common/config/groups.hpp"

namespace concourse::config {

Group baggageclaim_group() {
  return {"Baggageclaim Configuration",
          {{.name = "baggageclaim-log-level",
            .type = Type::choice,
            .value = "info",
            .choices = {"debug", "info", "warn", "error", "fatal"},
            .instead = "use --log-level"},
           {.name = "baggageclaim-bind-ip",
            .type = Type::ip,
            .value = "127.0.0.1",
            .help = "Address on which BaggageClaim is served in addition to its Unix socket, 0.0.0.0 for peer-to-peer streaming; "
                    "only if this or --baggageclaim-bind-port is given."},
           {.name = "baggageclaim-bind-port",
            .type = Type::port,
            .value = "7788",
            .help = "Port on which BaggageClaim is served in addition to its Unix socket; only if this or --baggageclaim-bind-ip "
                    "is given."},
           {.name = "baggageclaim-debug-bind-ip",
            .type = Type::ip,
            .value = "127.0.0.1",
            .instead = "ask the service with concourse-workerctl status"},
           {.name = "baggageclaim-debug-bind-port",
            .type = Type::port,
            .value = "7787",
            .instead = "ask the service with concourse-workerctl status"},
           {.name = "baggageclaim-p2p-interface-name-pattern",
            .value = "eth0",
            .help = "Regular expression that finds the network interface for peer-to-peer streaming."},
           {.name = "baggageclaim-p2p-interface-family",
            .type = Type::choice,
            .value = "4",
            .help = "IP version of peer-to-peer streaming.",
            .choices = {"4", "6"}},
           {.name = "baggageclaim-volumes", .type = Type::directory, .instead = "volumes are always in <work-dir>/volumes"},
           {.name = "baggageclaim-driver",
            .type = Type::choice,
            .value = "detect",
            .help = "How volumes are kept on disk.",
            .choices = {"detect", "naive", "btrfs", "overlay"}},
           {.name = "baggageclaim-btrfs-bin", .value = "btrfs", .help = "btrfs tool: a name in PATH or a path."},
           {.name = "baggageclaim-mkfs-bin", .value = "mkfs.btrfs", .help = "mkfs.btrfs tool: a name in PATH or a path."},
           {.name = "baggageclaim-overlays-dir", .type = Type::directory, .instead = "overlays are always in <work-dir>/overlays"},
           {.name = "baggageclaim-disable-user-namespaces",
            .type = Type::boolean,
            .help = "Don't shift user and group ids of unprivileged volumes."}}};
}

}  // namespace concourse::config
