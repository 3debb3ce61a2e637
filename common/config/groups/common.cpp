#include "common/config/groups.hpp"

namespace concourse::config {

Group log_group() {
  return {"Logs",
          {{.name = "log-level",
            .type = Type::choice,
            .value = "info",
            .help = "Lowest level that is logged.",
            .choices = {"debug", "info", "warn", "error", "fatal"}},
           {.name = "log-format",
            .type = Type::choice,
            .value = "auto",
            .help = "Form of a log line; auto is text on a terminal, journal when stdout leads there, and json elsewhere.",
            .choices = {"auto", "json", "text", "journal"}}}};
}

Group common_group() {
  Group group{"Common",
              {{.name = "runtime-dir",
                .type = Type::directory,
                .value = "/run/concourse-worker",
                .help = "Directory of sockets and of the running containers' state; should be a tmpfs. One worker per directory."},
               {.name = kCheckConfig,
                .type = Type::boolean,
                .help = "Check everything that can be checked without starting, say every problem, and exit.",
                .env = "-"}}};
  for (auto& option : log_group().options) group.options.push_back(option);
  return group;
}

Group work_dir_group() {
  return {"Work directory",
          {{.name = "work-dir",
            .type = Type::directory,
            .help = "Directory of volumes and of container data; needs room.",
            .required = true}}};
}

Group garden_listen_group() {
  return {"Garden API",
          {{.name = "bind-ip",
            .type = Type::ip,
            .value = "127.0.0.1",
            .help = "Address on which Garden is served in addition to its Unix socket; only if this or --bind-port is given."},
           {.name = "bind-port",
            .type = Type::port,
            .value = "7777",
            .help = "Port on which Garden is served in addition to its Unix socket; only if this or --bind-ip is given."},
           {.name = "external-garden-url", .type = Type::url, .help = "Garden server to use instead of one of our own."},
           {.name = "debug-bind-ip",
            .type = Type::ip,
            .value = "127.0.0.1",
            .instead = "ask a service with concourse-workerctl status"},
           {.name = "debug-bind-port",
            .type = Type::port,
            .value = "7776",
            .instead = "ask a service with concourse-workerctl status"}}};
}

Group healthcheck_group() {
  return {"Healthcheck",
          {{.name = "healthcheck-bind-ip",
            .type = Type::ip,
            .value = "0.0.0.0",
            .help = "Address on which health is answered over HTTP."},
           {.name = "healthcheck-bind-port",
            .type = Type::port,
            .value = "8888",
            .help = "Port on which health is answered over HTTP."},
           {.name = "healthcheck-timeout",
            .type = Type::duration,
            .value = "5s",
            .help = "Time within which everything must answer to count as healthy.",
            .at_least = "1ms"},
           {.name = "healthcheck-status-page",
            .type = Type::boolean,
            .help = "Show a page with the worker's state to people, at /status on the healthcheck's port. Whoever reaches that "
                    "port sees names, addresses and error messages."}}};
}

Group runtime_group() {
  return {
      "Runtime Configuration",
      {{.name = "runtime",
        .type = Type::choice,
        .value = "guardian",
        .help = "What runs the containers: guardian is our own Garden, the others are refused.",
        .choices = {"guardian", "containerd", "houdini"}},
       {.name = "oci-runtime",
        .help = "OCI runtime that makes the containers: a name in PATH or a path. Without it crun is used if present, else runc."},
       {.name = "user-namespace-owners",
        .value = "2100000000-2100065535",
        .help = "User ids of the host, nobody's, of which each unprivileged container gets one for its user namespace to belong "
                "to, so that the "
                "kernel's limits by user (inotify, message queues, pending signals) are each container's own; none: root's, for "
                "all together."}}};
}

}  // namespace concourse::config
