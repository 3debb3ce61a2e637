#include "services/shim/mounts.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <string>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::shim {

namespace {

namespace wire = protocol::shim;

// For calls that only take a path: the mount whose root it is.
std::string path_of(const UniqueFd& mount) { return "/proc/self/fd/" + std::to_string(mount.get()); }

void attach(const UniqueFd& mount, int place, const char* path, unsigned flags, const std::string& what) {
  if (::move_mount(mount.get(), "", place, path, MOVE_MOUNT_F_EMPTY_PATH | flags) != 0) throw SysError(what);
  // A copy belongs to the group of what it was copied from: what is mounted on it must not appear there.
  if (::mount(nullptr, path_of(mount).c_str(), nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw SysError(what);
}

void make_read_only(const UniqueFd& mount, const std::string& what) {
  struct statvfs st {};
  if (::fstatvfs(mount.get(), &st) != 0) throw SysError(what);
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
  flags |= st.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);  // the same numbers
  if ((st.f_flag & ST_RELATIME) != 0) flags |= MS_RELATIME;
  if (::mount(nullptr, path_of(mount).c_str(), nullptr, flags, nullptr) != 0) throw SysError(what);
}

UniqueFd copy_of(const UniqueFd& file, const std::string& what) {
  UniqueFd copy(::open_tree(file.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy) throw SysError(what);
  return copy;
}

}  // namespace

Mounts::Mounts(const std::vector<wire::Mount>& mounts, const std::filesystem::path& dir) {
  if (mounts.empty()) return;
  int next = wire::kMountsFd;
  const UniqueFd tmpfs(next++);
  std::vector<UniqueFd> sources, places;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    sources.emplace_back(next++);
    places.emplace_back(next++);
  }
  host_ = os::open_file("/proc/self/ns/mnt", O_RDONLY);
  if (::unshare(CLONE_NEWNS) != 0) throw SysError("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) throw SysError("part the mounts from the host's");
  attach(tmpfs, AT_FDCWD, wire::mounts_path(dir).c_str(), 0, "mount the container's files");
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const auto what = "mount '" + mounts[i].destination + "'";
    if (!mounts[i].detached) sources[i] = copy_of(sources[i], what);
    attach(sources[i], places[i].get(), "", MOVE_MOUNT_T_EMPTY_PATH, what);
    if (!mounts[i].writable) make_read_only(sources[i], what);
  }
}

void Mounts::leave() {
  if (host_ && ::setns(host_.get(), CLONE_NEWNS) != 0) throw SysError("return to the host's mounts");
  host_.reset();
}

}  // namespace concourse::shim
