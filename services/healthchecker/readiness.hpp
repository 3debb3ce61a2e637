// /live and /ready: what the services say about themselves on their control sockets, judged.
#pragma once

#include "common/base/json.hpp"
#include "services/healthchecker/checker.hpp"
#include "services/healthchecker/statements.hpp"

namespace concourse::healthchecker {

// {"live":…,"reasons":[…],"warnings":[…],"checks":{"garden":{"ok":…},…}}: whether every service's loop turns. A worker that is not
// live is helped by a restart; one that is not ready may only be draining, or waiting for its TSA.
Json liveness(const Statements& statements);

// {"ready":…,"reasons":[…],"warnings":[…],"checks":{…}}: whether the cluster can give this worker a build now that would succeed.
// `apis` is what the checker found. Checks: garden, baggageclaim, disk, registration, drain.
Json readiness(const Statements& statements, const Report& apis);

}  // namespace concourse::healthchecker
