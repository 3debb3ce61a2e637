#pragma once

#include <filesystem>

namespace concourse::baggageclaim {

// Tells ext4 that the sub-directories of `directory` have nothing to do with each other, so that it places each in a part of
// the disk of its own. Without it they share one, and files are created slowly there for half a minute after others have been
// removed, as volumes are all the time: ext4 passes over every inode that was used lately. Of no effect on other file systems.
void spread_subdirectories(const std::filesystem::path& directory);

}  // namespace concourse::baggageclaim
