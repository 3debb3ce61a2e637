// /live and /ready: what the services say about themselves on their control sockets, judged.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/json.hpp"
#include "services/healthchecker/checker.hpp"

namespace concourse::healthchecker {

// One service's answer to `status`, or why there is none.
struct Statement {
  Json answer;
  std::string error;
};
using Statements = std::map<std::string, Statement>;  // by service: "garden", "baggageclaim", "beacon"

// Asks all of them at once; blocks until the deadline at most.
Statements ask_services(const std::filesystem::path& runtime_dir, bool own_garden, Deadline deadline);

// {"live":…,"reasons":[…],"checks":{"garden":{"ok":…},…}}: whether every service's loop turns. A worker that is not live is helped
// by a restart; one that is not ready may only be draining, or waiting for its TSA.
Json liveness(const Statements& statements);

// {"ready":…,"reasons":[…],"checks":{…}}: whether the cluster can give this worker a build now that would succeed. `apis` is what
// the checker found. Checks: garden, baggageclaim, disk, registration, drain.
Json readiness(const Statements& statements, const Report& apis);

}  // namespace concourse::healthchecker
