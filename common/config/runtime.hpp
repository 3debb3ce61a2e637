// The settings of the Go worker's other runtimes, of which this worker has none.
#pragma once

#include <string>
#include <vector>

#include "common/config/values.hpp"

namespace concourse::config {

// What of --runtime and --garden-bin can't be obeyed, each with the remedy; empty if nothing.
std::vector<std::string> refused_runtimes(const Values& values);

}  // namespace concourse::config
