// The end of a worker that has left the cluster: what still runs in its containers is nobody's, and no web node will ever ask for
// its end.
#pragma once

#include <cstddef>

#include "services/beacon/options.hpp"

namespace concourse::beacon {

// Destroys every container; blocks for half a minute at most. Gives how many, once all are gone; throws Error for what is left.
std::size_t destroy_all_containers(const LocalTarget& garden);

}  // namespace concourse::beacon
