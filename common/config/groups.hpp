// The option groups of the worker's programs: the Go worker's flags under the Go worker's headings, each group in one file of
// groups/. A program takes the groups it needs; `concourse worker` takes them all and passes each service its own.
//
// Names, types and defaults are the peer's (docs/flags.md says where ours differ and why).
#pragma once

#include "common/config/option.hpp"

namespace concourse::config {

// The flag with which a program checks its settings, says everything that is wrong with them, one line each, and ends.
inline constexpr const char* kCheckConfig = "check-config";

Group log_group();            // log-level, log-format: every program that logs
Group common_group();         // runtime-dir, check-config and log_group: every service
Group work_dir_group();       // work-dir: every service with state
Group worker_group();         // name, tag, team, proxies, sweepers, rebalance, drain, resource-types …: the beacon
Group garden_listen_group();  // bind-ip, bind-port, external-garden-url, debug-bind-*
Group healthcheck_group();    // healthcheck-*
Group tsa_group();            // tsa-host, tsa-public-key, tsa-worker-private-key
Group runtime_group();        // runtime, oci-runtime
Group containerd_group();
Group containerd_network_group();
Group garden_group();
Group baggageclaim_group();
Group tracing_group();

// What each service takes. Its own parser and the supervisor, which passes the given values on, read the same list.
std::vector<Group> garden_groups();
std::vector<Group> baggageclaim_groups();
std::vector<Group> beacon_groups();
std::vector<Group> healthcheck_groups();

}  // namespace concourse::config
