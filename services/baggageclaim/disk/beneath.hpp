// Paths inside a volume are written by strangers: every one is resolved by openat2(2) from the volume's root, so that no
// "..", absolute link or link swapped in meanwhile leads out of it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// Opens `path` as a process whose root directory is `root` would: ".." stops at the root, absolute links start there.
// `flags` as open(2), O_CLOEXEC added. Nothing if a component doesn't exist (ENOENT, ENOTDIR); SysError otherwise.
std::optional<UniqueFd> open_in_root(int root, const std::string& path, int flags);

// As above, but a path or link that would leave `root` is an error (EXDEV).
std::optional<UniqueFd> open_beneath(int root, const std::string& path, int flags);

// Makes the missing directories of `path` as open_in_root sees them, and opens the last one (O_PATH). `made`, if given, gets
// the first path that was missing; empty if none was.
UniqueFd make_directories_in_root(int root, const std::string& path, mode_t mode = 0755, std::string* made = nullptr);

// Opens a directory on the host that is ours (a volume's root).
UniqueFd open_directory(const std::string& path);

// "/proc/self/fd/N": for calls that want a path where only a descriptor is safe.
std::string fd_path(int fd);

// A path for a message: its first 200 bytes.
std::string shown(const std::string& path);

// "a//./b/" -> "a/b"; the empty path is "". Keeps "..", which only the kernel may interpret.
std::string clean_relative(std::string_view path);

}  // namespace concourse::baggageclaim
