// The limit on what a container's root may hold. Its volume's file system has to hold it: btrfs can, for volumes that are
// subvolumes (BaggageClaim's driver btrfs). Everything else that a container writes to, its mounts, has no limit.
#pragma once

#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "services/garden/container_spec.hpp"
#include "services/garden/paths.hpp"

namespace concourse::garden {

// Makes the limit hold for `volume`: the root `spec.rootfs`, or the volume of which it is the `rootfs` directory
// (mounts/sources.hpp). Nothing for a spec without a limit. Where it can't hold, that is one line in the log, with the reason.
// Throws Error(exhausted) when the limit is less than what is there already, Error(timeout) when measuring that takes too long.
void hold_disk_limit(const ContainerSpec& spec, const UniqueFd& volume, Deadline deadline);

// The volume may be used by others after its container: takes the limit away. What can't be undone is logged: the limit is gone
// with the volume at the latest. The volume is found anew by its path, without links: a step that swaps directories of its own
// volume can have the limit of another of those lifted, and of nobody else's.
void lift_disk_limit(const Paths& paths, const ContainerSpec& spec) noexcept;

// Bytes on the disk of all that is below `directory` on its file system; a file with several names once. Follows no link, whoever
// changes the tree meanwhile. Throws SysError; Error(timeout); Error(invalid) for one of more than 500 levels.
std::uint64_t bytes_below(const UniqueFd& directory, Deadline deadline);

}  // namespace concourse::garden
