// The directory with a container's hosts, hostname and resolv.conf: a small tmpfs of its own. The container may write to those
// files, and whatever it writes must not fill the host's /run.
#pragma once

#include <filesystem>

namespace concourse::garden {

// Throws SysError.
void make_etc_directory(const std::filesystem::path& path);

// Takes the tmpfs away; what mounts the container still has of it go on to its end. Fine if there is none.
void unmount_etc_directory(const std::filesystem::path& path) noexcept;

}  // namespace concourse::garden
