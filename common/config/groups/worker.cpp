#include "common/config/groups.hpp"

namespace concourse::config {

Group worker_group() {
  return {"Worker",
          {{.name = "name", .help = "The name to set for the worker during registration. If not specified, the hostname will be used."},
           {.name = "tag", .type = Type::list, .help = "A tag to set during registration. Can be specified multiple times."},
           {.name = "team", .help = "The name of the team that this worker will be assigned to."},
           {.name = "http-proxy", .help = "HTTP proxy endpoint to use for containers.", .env = "http_proxy"},
           {.name = "https-proxy", .help = "HTTPS proxy endpoint to use for containers.", .env = "https_proxy"},
           {.name = "no-proxy", .help = "Blacklist of addresses to skip the proxy when reaching.", .env = "no_proxy"},
           {.name = "ephemeral", .type = Type::boolean, .help = "If set, the worker will be immediately removed upon stalling."},
           {.name = "max-active-tasks", .type = Type::integer, .value = "0", .help = "Maximum active tasks of this worker; 0 leaves the web node's limit."},
           {.name = "protocol-version", .value = "3.0", .help = "Worker protocol version to register with: 3.0, or 2.5 for web nodes up to 8.2."},
           {.name = "version", .help = "As --protocol-version; the peer's hidden name.", .hidden = true},
           {.name = "certs-dir", .help = "Directory of certificates that resource containers get at /etc/ssl/certs."},
           {.name = "resource-types", .type = Type::directory, .help = "Directory of resource types; <install>/resource-types if present."},
           {.name = "sweep-interval", .type = Type::duration, .value = "30s", .help = "Interval on which containers and volumes will be garbage collected from the worker."},
           {.name = "volume-sweeper-max-in-flight", .type = Type::integer, .value = "3", .help = "Maximum number of volumes which can be swept in parallel."},
           {.name = "container-sweeper-max-in-flight", .type = Type::integer, .value = "5", .help = "Maximum number of containers which can be swept in parallel."},
           {.name = "rebalance-interval", .type = Type::duration, .value = "4h", .help = "Duration after which the registration is moved to another random TSA; 0 for never."},
           {.name = "connection-drain-timeout", .type = Type::duration, .value = "1h", .help = "Duration after which an idle draining connection is given up; 0 for never."}}};
}

Group tsa_group() {
  return {"TSA Configuration",
          {{.name = "tsa-host", .type = Type::list, .value = "127.0.0.1:2222", .help = "TSA host to forward the worker through. Can be specified multiple times."},
           {.name = "tsa-public-key", .type = Type::file, .help = "File containing the public keys to expect from the TSA, in authorized_keys form."},
           {.name = "tsa-worker-private-key", .type = Type::file, .help = "File containing the private key to use when authenticating to the TSA.", .required = true}}};
}

}  // namespace concourse::config
