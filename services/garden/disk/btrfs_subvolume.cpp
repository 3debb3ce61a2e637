#include "services/garden/disk/btrfs_subvolume.hpp"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEnableSimple = 4;  // BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA, from Linux 6.7 on

// The id of the file system; empty: it isn't btrfs.
std::string file_system_id(int fd) {
  btrfs_ioctl_fs_info_args info{};
  return ::ioctl(fd, BTRFS_IOC_FS_INFO, &info) == 0 ? uuid_text(info.fsid) : "";
}

UniqueFd open_from(const UniqueFd& directory, const char* name) {
  UniqueFd fd(::openat(directory.get(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw SysError("open a volume's directory");
  return fd;
}

bool switch_on(int fd, std::uint64_t how) {
  btrfs_ioctl_quota_ctl_args arguments{};
  arguments.cmd = how;
  return ::ioctl(fd, BTRFS_IOC_QUOTA_CTL, &arguments) == 0;
}

}  // namespace

std::optional<BtrfsSubvolume> BtrfsSubvolume::at(const UniqueFd& directory) {
  UniqueFd fd = open_from(directory, ".");
  struct statfs file_system {};
  struct stat st {};
  if (::fstatfs(fd.get(), &file_system) != 0 || ::fstat(fd.get(), &st) != 0) throw SysError("look at a volume's file system");
  if (static_cast<std::uint64_t>(file_system.f_type) != BTRFS_SUPER_MAGIC || st.st_ino != BTRFS_FIRST_FREE_OBJECTID)
    return std::nullopt;
  btrfs_ioctl_ino_lookup_args lookup{};
  lookup.objectid = BTRFS_FIRST_FREE_OBJECTID;
  if (::ioctl(fd.get(), BTRFS_IOC_INO_LOOKUP, &lookup) != 0) throw SysError("find a volume's btrfs subvolume");
  if (lookup.treeid == BTRFS_FS_TREE_OBJECTID) return std::nullopt;
  const auto id = file_system_id(fd.get());
  if (id.empty()) throw SysError("ask btrfs for its id");
  // The kernel takes the room for a change of a limit from the subvolume by which it is asked: not from one that may be full.
  UniqueFd above = open_from(directory, "..");
  if (file_system_id(above.get()) != id) above = open_from(directory, ".");
  return BtrfsSubvolume(std::move(fd), std::move(above), lookup.treeid, fs::path("/sys/fs/btrfs") / id / "qgroups");
}

BtrfsSubvolume::Quotas BtrfsSubvolume::quotas() const {
  if (!fs::exists(qgroups_)) return Quotas::none;
  return trim(os::read_file(qgroups_ / "mode").value_or("")) == "squota" ? Quotas::simple : Quotas::full;
}

void BtrfsSubvolume::enable_quotas() const {
  if (switch_on(fd_.get(), kEnableSimple)) return;
  if (errno != EINVAL || !switch_on(fd_.get(), BTRFS_QUOTA_CTL_ENABLE)) throw SysError("switch on btrfs' quotas");
}

std::uint64_t BtrfsSubvolume::referenced() const {
  if (::syncfs(fd_.get()) != 0) throw SysError("have btrfs count what it holds");
  const auto text = os::read_file(qgroups_ / ("0_" + std::to_string(id_)) / "referenced");
  return text ? parse_u64(trim(*text)).value_or(0) : 0;
}

void BtrfsSubvolume::limit(std::uint64_t referenced, std::uint64_t exclusive) const {
  btrfs_ioctl_qgroup_limit_args arguments{};
  arguments.qgroupid = id_;
  arguments.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER | BTRFS_QGROUP_LIMIT_MAX_EXCL;
  arguments.lim.max_rfer = referenced;  // all ones lift a limit
  arguments.lim.max_excl = exclusive;
  if (::ioctl(above_.get(), BTRFS_IOC_QGROUP_LIMIT, &arguments) == 0) return;
  const bool nothing_to_lift = referenced == kUnlimited && exclusive == kUnlimited && (errno == ENOTCONN || errno == ENOENT);
  if (!nothing_to_lift) throw SysError("limit btrfs subvolume " + std::to_string(id_));
}

}  // namespace concourse::garden
