#include "services/garden/disk/disk_limit.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "services/garden/disk/btrfs_subvolume.hpp"

namespace concourse::garden {

namespace {

namespace fs = std::filesystem;
using Quotas = BtrfsSubvolume::Quotas;

// The root of an image that was fetched is the directory `rootfs` of its volume.
fs::path volume_of(const std::string& rootfs) {
  fs::path path = fs::path(rootfs).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename() == "rootfs" && path.parent_path().filename() == "volume" ? path.parent_path() : path;
}

void does_not_hold(const ContainerSpec& spec, const std::string& what, const std::string& reason) {
  log::warn("the disk limit doesn't hold, going on", {{"handle", spec.handle}, {"limit", what}, {"reason", reason}});
}

void check_room(std::uint64_t limit, std::uint64_t used) {
  if (used > limit)
    throw Error(ErrorKind::exhausted, "the limit of " + std::to_string(limit) +
                                          " bytes is smaller than what the root file system has already, " + std::to_string(used) +
                                          " bytes");
}

void hold(const BtrfsSubvolume& subvolume, const fs::path& volume, const Limits& limits, Deadline deadline) {
  auto quotas = subvolume.quotas();
  if (quotas == Quotas::none) {
    subvolume.enable_quotas();
    quotas = subvolume.quotas();
    log::warn("switched on btrfs' quotas, for a container with a disk limit",
              {{"volume", volume.string()},
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

}  // namespace

std::uint64_t bytes_below(const fs::path& directory, Deadline deadline) {
  struct stat top {
  }, st{};
  if (::stat(directory.c_str(), &top) != 0) throw SysError("measure '" + directory.string() + "'");
  std::uint64_t bytes = 0;
  std::set<ino_t> counted;  // of those with several names
  for (auto entry = fs::recursive_directory_iterator(directory); entry != fs::recursive_directory_iterator(); ++entry) {
    if (deadline.passed()) throw Error(ErrorKind::timeout, "measuring '" + directory.string() + "' took too long");
    if (::lstat(entry->path().c_str(), &st) != 0) throw SysError("measure '" + entry->path().string() + "'");
    if (st.st_dev != top.st_dev) {
      entry.disable_recursion_pending();
      continue;
    }
    if (S_ISDIR(st.st_mode) || st.st_nlink == 1 || counted.insert(st.st_ino).second)
      bytes += static_cast<std::uint64_t>(st.st_blocks) * 512;
  }
  return bytes;
}

void hold_disk_limit(const ContainerSpec& spec, Deadline deadline) {
  const auto& limits = spec.limits;
  if (limits.disk_inodes != 0) does_not_hold(spec, "inode_hard", "no file system counts the files of a volume");
  if (limits.disk_bytes == 0) return;
  const auto volume = volume_of(spec.rootfs);
  try {
    if (const auto subvolume = BtrfsSubvolume::at(volume)) hold(*subvolume, volume, limits, deadline);
    else does_not_hold(spec, "byte_hard", "'" + volume.string() + "' is no btrfs subvolume; use --baggageclaim-driver btrfs");
  } catch (const SysError& e) {
    does_not_hold(spec, "byte_hard", e.what());
  } catch (const fs::filesystem_error& e) {
    does_not_hold(spec, "byte_hard", e.what());
  }
}

void lift_disk_limit(const ContainerSpec& spec) noexcept {
  if (spec.limits.disk_bytes == 0) return;
  try {
    const auto volume = volume_of(spec.rootfs);
    if (const auto subvolume = fs::exists(volume) ? BtrfsSubvolume::at(volume) : std::nullopt)
      subvolume->limit(BtrfsSubvolume::kUnlimited, BtrfsSubvolume::kUnlimited);
  } catch (const std::exception& e) {
    log::warn("the disk limit stays until the volume goes", {{"handle", spec.handle}, {"error", e.what()}});
  }
}

}  // namespace concourse::garden
