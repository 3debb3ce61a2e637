#include "services/garden/etc_directory.hpp"

#include <sys/mount.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

void make_etc_directory(const std::filesystem::path& path) {
  os::make_directories(path);
  if (::mount("etc", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,nr_inodes=32,mode=755") != 0)
    throw SysError("mount a tmpfs on '" + path.string() + "'");
}

void unmount_etc_directory(const std::filesystem::path& path) noexcept { ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); }

}  // namespace concourse::garden
