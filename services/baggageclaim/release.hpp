// The end of an orderly stop: what nobody uses doesn't stay mounted.
#pragma once

#include <string>
#include <vector>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

struct ReleaseReport {
  std::size_t unmounted = 0;
  std::vector<std::string> in_use;  // mount points
};

// Takes the mounts of volumes away. An overlay that a process uses, here or in a container, stays: the next start would else
// mount a second one on the same layer, and what the two then show is undefined. A bind mount goes in any case, its users keep
// their own. With `layered` (driver overlay) the data path goes too, so that nobody takes the empty mount point for the volume;
// the next start makes it again. The image of driver btrfs goes if nobody uses it. Throws nothing that is worth failing for.
ReleaseReport release_mounts(const Paths& paths, bool layered);

}  // namespace concourse::baggageclaim
