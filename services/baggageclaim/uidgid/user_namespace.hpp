// A user namespace whose only purpose is its id map, for id-mapped mounts.
#pragma once

#include <cstdint>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// Stored id -> shown id: 0 and `max` change places, the rest stay. Its own inverse, so one namespace serves both directions:
// data stored with container ids shown to an unprivileged container, and the Go worker's unprivileged data shown to a
// privileged one. Throws SysError where user namespaces aren't allowed.
UniqueFd make_swapping_namespace(std::uint32_t max);

}  // namespace concourse::baggageclaim
