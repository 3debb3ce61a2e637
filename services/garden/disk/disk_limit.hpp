// The limit on what a container's root may hold. Its volume's file system has to hold it: btrfs can, for volumes that are
// subvolumes (BaggageClaim's driver btrfs). Everything else that a container writes to, its mounts, has no limit.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/deadline.hpp"
#include "services/garden/container_spec.hpp"

namespace concourse::garden {

// Makes the limit hold for the root `spec.rootfs`, and for the volume of which it is the `rootfs` directory. Nothing for a spec
// without a limit. Where it can't hold, that is one line in the log, with the reason. Throws Error(exhausted) when the limit is
// less than what is there already, Error(timeout) when measuring that takes too long.
void hold_disk_limit(const ContainerSpec& spec, Deadline deadline);

// The volume may be used by others after its container: takes the limit away. What can't be undone is logged: the limit is gone
// with the volume at the latest.
void lift_disk_limit(const ContainerSpec& spec) noexcept;

// Bytes on the disk of all that is below `directory` on its file system; a file with several names once.
std::uint64_t bytes_below(const std::filesystem::path& directory, Deadline deadline);

}  // namespace concourse::garden
