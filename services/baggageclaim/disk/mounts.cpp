#include "services/baggageclaim/disk/mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

UniqueFd clone_mount(const std::filesystem::path& path) {
  UniqueFd fd(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!fd) throw SysError("copy the mount of '" + path.string() + "'");
  return fd;
}

void map_mount_ids(int detached_mount, int user_namespace) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (::mount_setattr(detached_mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    throw SysError("map the ids of a mount");
}

void attach_mount(int detached_mount, const std::filesystem::path& point) {
  if (::move_mount(detached_mount, "", AT_FDCWD, point.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    throw SysError("mount at '" + point.string() + "'");
}

bool unmount(const std::filesystem::path& point, bool lazy) {
  if (::umount2(point.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return true;
  if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR) return false;
  throw SysError("unmount '" + point.string() + "'");
}

void unmount_all(const std::filesystem::path& point, bool lazy) {
  while (unmount(point, lazy)) {
  }
}

}  // namespace concourse::baggageclaim
