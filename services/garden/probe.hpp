// One container made and destroyed, to know that it can be done rather than to guess it from versions.
#pragma once

#include "services/garden/options.hpp"

namespace concourse::garden {

struct Runtime;

// Throws Error with the reason why no container can be made with this runtime. Leaves nothing.
void probe(const Options& options, const Runtime& runtime);

}  // namespace concourse::garden
