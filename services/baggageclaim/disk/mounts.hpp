// Mount calls by descriptor (open_tree(2) and friends), with errors that name the place.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// A detached copy of the mount that shows `path`, without what is mounted inside it. Goes away with the descriptor.
UniqueFd clone_mount(const std::filesystem::path& path);

// Makes a detached mount show its owners through the id map of the user namespace `user_namespace` (Linux 5.12).
void map_mount_ids(int detached_mount, int user_namespace);

// Shows a detached mount at `point`, an existing directory.
void attach_mount(int detached_mount, const std::filesystem::path& point);

// Removes the uppermost mount at `point`. False if nothing is mounted there. With `lazy` also when it is in use: its users keep
// it. Throws SysError(EBUSY) otherwise.
bool unmount(const std::filesystem::path& point, bool lazy = false);

// Removes every mount at `point`, however many lie on each other.
void unmount_all(const std::filesystem::path& point, bool lazy = false);

}  // namespace concourse::baggageclaim
