#include "common/config/groups.hpp"

namespace concourse::config {

Group common_group() {
  return {"Common",
          {{.name = "runtime-dir", .type = Type::directory, .value = "/run/concourse-worker", .help = "Directory for sockets and the state of running containers; should be a tmpfs. One worker per directory."},
           {.name = "log-level", .type = Type::choice, .value = "info", .help = "Minimum level of logs to see.", .choices = {"debug", "info", "error", "fatal"}},
           {.name = "log-format", .type = Type::choice, .value = "auto", .help = "Form of a log line; auto is text on a terminal and json elsewhere.", .choices = {"auto", "json", "text"}}}};
}

Group work_dir_group() {
  return {"Work directory",
          {{.name = "work-dir", .type = Type::directory, .help = "Directory in which to place container and volume data.", .required = true}}};
}

Group garden_listen_group() {
  return {"Garden API",
          {{.name = "bind-ip", .type = Type::ip, .value = "127.0.0.1", .help = "IP address on which to also serve the Garden API; without this or --bind-port only its Unix socket is served."},
           {.name = "bind-port", .type = Type::port, .value = "7777", .help = "Port on which to also serve the Garden API."},
           {.name = "external-garden-url", .type = Type::url, .help = "API endpoint of an externally managed Garden server to use instead of running our own."},
           {.name = "debug-bind-ip", .type = Type::ip, .value = "127.0.0.1", .instead = "ask a service with concourse-workerctl status"},
           {.name = "debug-bind-port", .type = Type::port, .value = "7776", .instead = "ask a service with concourse-workerctl status"}}};
}

Group healthcheck_group() {
  return {"Healthcheck",
          {{.name = "healthcheck-bind-ip", .type = Type::ip, .value = "0.0.0.0", .help = "IP address on which to listen for health checking requests."},
           {.name = "healthcheck-bind-port", .type = Type::port, .value = "8888", .help = "Port on which to listen for health checking requests."},
           {.name = "healthcheck-timeout", .type = Type::duration, .value = "5s", .help = "Time limit for the full duration of one health check."}}};
}

Group runtime_group() {
  return {"Runtime Configuration",
          {{.name = "runtime", .type = Type::choice, .value = "guardian", .help = "Runtime to use with the worker.", .choices = {"guardian", "containerd", "houdini"}},
           {.name = "oci-runtime", .value = "", .help = "OCI runtime that makes the containers: a name in PATH or a path. Without it crun is used if present, else runc."}}};
}

}  // namespace concourse::config
