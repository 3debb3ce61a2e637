#include "services/garden/disk/disk_limit.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <set>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/daemon/log.hpp"
#include "services/garden/disk/btrfs_subvolume.hpp"
#include "services/garden/mounts/sources.hpp"

namespace concourse::garden {

namespace {

using Quotas = BtrfsSubvolume::Quotas;

void does_not_hold(const ContainerSpec& spec, const std::string& what, const std::string& reason) {
  log::warn("the disk limit doesn't hold, going on", {{"handle", spec.handle}, {"limit", what}, {"reason", reason}});
}

void check_room(std::uint64_t limit, std::uint64_t used) {
  if (used > limit)
    throw Error(ErrorKind::exhausted, "the limit of " + std::to_string(limit) +
                                          " bytes is smaller than what the root file system has already, " + std::to_string(used) +
                                          " bytes");
}

void hold(const BtrfsSubvolume& subvolume, const UniqueFd& volume, const ContainerSpec& spec, Deadline deadline) {
  const auto& limits = spec.limits;
  auto quotas = subvolume.quotas();
  if (quotas == Quotas::none) {
    subvolume.enable_quotas();
    quotas = subvolume.quotas();
    log::warn("switched on btrfs' quotas, for a container with a disk limit",
              {{"rootfs", spec.rootfs},
               {"kind", quotas == Quotas::simple ? "simple: kernels before 6.7 can't mount the file system any more" : "full"}});
  }
  constexpr auto kUnlimited = BtrfsSubvolume::kUnlimited;
  const auto bytes = std::min<std::uint64_t>(limits.disk_bytes, INT64_MAX);
  if (quotas == Quotas::full) {
    if (limits.disk_exclusive) return subvolume.limit(kUnlimited, bytes);
    check_room(bytes, subvolume.referenced());
    return subvolume.limit(bytes, kUnlimited);
  }
  if (limits.disk_exclusive) return subvolume.limit(bytes, kUnlimited);
  // What the image has doesn't count as the subvolume's own: the room that is left for it does.
  const auto own = subvolume.referenced();
  const auto used = bytes_below(volume, deadline);
  check_room(bytes, used);
  subvolume.limit(own + bytes - used, kUnlimited);
}

// By descriptors alone: whoever owns the tree may put a link in the place of a directory at any moment.
class Measurement {
 public:
  explicit Measurement(Deadline deadline) : deadline_(deadline) {}

  std::uint64_t below(UniqueFd directory, int level = 0) {
    struct stat st {};
    if (::fstat(directory.get(), &st) != 0) throw SysError("measure a volume");
    if (level == 0) device_ = st.st_dev;
    if (level > kMaxLevels) throw Error(ErrorKind::invalid, "a volume of more than 500 levels of directories can't be measured");
    DIR* list = ::fdopendir(directory.get());
    if (list == nullptr) throw SysError("measure a volume");
    (void)directory.release();
    const ScopeExit close([&] { ::closedir(list); });
    const int fd = ::dirfd(list);
    std::uint64_t bytes = 0;
    while (const dirent* entry = next(list)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (::fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        throw SysError("measure a volume");
      }
      if (st.st_dev != device_) continue;
      if (S_ISDIR(st.st_mode) || st.st_nlink == 1 || counted_.insert(st.st_ino).second)
        bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
      if (!S_ISDIR(st.st_mode)) continue;
      UniqueFd child(::openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (child) bytes += below(std::move(child), level + 1);
      else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) throw SysError("measure a volume");
    }
    return bytes;
  }

 private:
  static constexpr int kMaxLevels = 500;  // each is open

  const dirent* next(DIR* list) const {
    if (deadline_.passed()) throw Error(ErrorKind::timeout, "measuring a volume took longer than " + deadline_.limit());
    errno = 0;
    const dirent* entry = ::readdir(list);
    if (entry == nullptr && errno != 0) throw SysError("measure a volume");
    return entry;
  }

  const Deadline deadline_;
  dev_t device_ = 0;
  std::set<ino_t> counted_;  // of those with several names
};

}  // namespace

std::uint64_t bytes_below(const UniqueFd& directory, Deadline deadline) {
  UniqueFd top(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) throw SysError("measure a volume");
  return Measurement(deadline).below(std::move(top));
}

void hold_disk_limit(const ContainerSpec& spec, const UniqueFd& volume, Deadline deadline) {
  const auto& limits = spec.limits;
  if (limits.disk_inodes != 0) does_not_hold(spec, "inode_hard", "no file system counts the files of a volume");
  if (limits.disk_bytes == 0) return;
  try {
    if (const auto subvolume = BtrfsSubvolume::at(volume)) hold(*subvolume, volume, spec, deadline);
    else does_not_hold(spec, "byte_hard", "'" + spec.rootfs + "' is no btrfs subvolume; use --baggageclaim-driver btrfs");
  } catch (const SysError& e) {
    does_not_hold(spec, "byte_hard", e.what());
  }
}

void lift_disk_limit(const Paths& paths, const ContainerSpec& spec) noexcept {
  if (spec.limits.disk_bytes == 0) return;
  try {
    if (const auto subvolume = BtrfsSubvolume::at(open_volume(paths, spec)))
      subvolume->limit(BtrfsSubvolume::kUnlimited, BtrfsSubvolume::kUnlimited);
  } catch (const SysError& e) {
    if (e.error_number() == ENOENT) return;  // it went before its container
    log::warn("the disk limit stays until the volume goes", {{"handle", spec.handle}, {"error", e.what()}});
  } catch (const std::exception& e) {
    log::warn("the disk limit stays until the volume goes", {{"handle", spec.handle}, {"error", e.what()}});
  }
}

}  // namespace concourse::garden
