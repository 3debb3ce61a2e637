// The peer refuses to start when the environment holds settings of a runtime that isn't chosen: they would be silently
// without effect. So do we.
#pragma once

#include <string>

#include "common/config/parser.hpp"

namespace concourse::supervisor {

// Why the environment doesn't fit the runtime, naming the variables; empty if it fits. Flags of the worker that a known variable
// sets are fine with every runtime, except that our own CONCOURSE_GARDEN_* beyond the peer's few are Garden settings to it.
std::string leftover_variables(const std::string& runtime, const config::Environment& environment);

}  // namespace concourse::supervisor
