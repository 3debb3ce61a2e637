// A btrfs file system in a file, for driver btrfs where the volumes' directory is on something else.
#pragma once

#include <string>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

bool is_on_btrfs(const fs::path& path);

// Makes sure that the volumes' directory is on btrfs: if it isn't, mounts `<volumes>.img` there, made first if it isn't there
// (sparse, the file system's size less 10 GiB, as the Go worker makes it). The loop device goes with the mount. Throws Error
// naming what is missing.
void mount_btrfs_image(const Paths& paths, const std::string& mkfs_bin);

}  // namespace concourse::baggageclaim
