// The sub-commands of `concourse`. Each takes what follows its name on the command line.
#pragma once

#include <string>
#include <vector>

#include "common/daemon/daemon.hpp"

namespace concourse::supervisor {

using Arguments = std::vector<std::string>;

void run_worker(daemon::Context& context, const Arguments& arguments);
// They start the transition and don't wait for its end.
void land_worker(const Arguments& arguments);
void retire_worker(const Arguments& arguments);
void generate_key(const Arguments& arguments);

}  // namespace concourse::supervisor
