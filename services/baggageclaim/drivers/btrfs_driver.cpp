#include "services/baggageclaim/drivers/btrfs_driver.hpp"

#include <btrfsutil.h>
#include <fcntl.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/metadata.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr const char* kBtrfs = "btrfs";

void check(btrfs_util_error result, const std::string& what) {
  if (result == BTRFS_UTIL_OK) return;
  const int error = errno;
  throw SysError(what + " (" + btrfs_util_strerror(result) + ")", error);
}

}  // namespace

BtrfsDriver::BtrfsDriver(Paths paths, IdPolicy policy, bool maps_ids)
    : paths_(std::move(paths)),
      policy_(policy),
      namespaces_(maps_ids ? std::make_unique<UserNamespaces>(*policy_.max) : nullptr),
      bare_tree_(clone_mount(paths_.volumes())) {}

void BtrfsDriver::create(const VolumeDir& volume) {
  const auto directory = open_directory(volume.path);
  check(btrfs_util_create_subvolume_fd(directory.get(), kDataDirectory, 0, nullptr, nullptr),
        "make subvolume '" + volume.data().string() + "'");
  VolumeFormat format;
  format.driver = kBtrfs;
  write_format(volume, format);
}

// The volume's data as it is stored, whatever is mounted over it.
UniqueFd BtrfsDriver::open_below(const VolumeDir& volume) const {
  const auto path = volume.data().lexically_relative(paths_.volumes());
  UniqueFd fd(::openat(bare_tree_.get(), path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw SysError("open '" + volume.data().string() + "' below its mount");
  return fd;
}

void BtrfsDriver::create_copy(const VolumeDir& volume, const VolumeDir& parent) {
  const auto source = open_below(parent);
  if (btrfs_util_is_subvolume_fd(source.get()) == BTRFS_UTIL_OK) {
    const auto directory = open_directory(volume.path);
    check(btrfs_util_create_snapshot_fd2(source.get(), directory.get(), kDataDirectory, 0, nullptr, nullptr),
          "make a snapshot of volume '" + parent.handle + "'");
  } else {  // made by driver naive
    create(volume);
    copy_tree(source.get(), open_directory(volume.data()).get(), {});
  }
  auto format = format_of(parent);
  format.driver = kBtrfs;
  write_format(volume, format);
  write_parent(volume, parent.path);
}

// The record, or what its absence means: made by the Go worker.
VolumeFormat BtrfsDriver::format_of(const VolumeDir& volume) const {
  if (auto format = read_format(volume)) return std::move(*format);
  VolumeFormat format;
  format.driver = kBtrfs;
  format.shifted = policy_.view(read_privileged(volume)).shifted();
  return format;
}

IdMap BtrfsDriver::map_of(const VolumeFormat& format, const IdView& view) const {
  return maps_ids() ? shown_map(format, view, *policy_.max) : IdMap{};
}

bool BtrfsDriver::change_owners(const VolumeDir& volume, const IdMap& change) {
  if (!maps_ids()) return false;
  auto format = format_of(volume);
  format.owners = format.owners.then(change);
  if (!format.owners.is_short()) return false;
  write_format(volume, format);
  return true;
}

Shown BtrfsDriver::show(const VolumeDir& volume, const IdView& view) {
  const auto format = format_of(volume);
  // Who has the old view open keeps it: all views are of the same data.
  unmount_all(volume.data(), /*lazy=*/true);
  if (const auto map = map_of(format, view); !map.is_identity()) {
    const auto mapped = clone_mount(volume.data());
    map_mount_ids(mapped.get(), namespaces_->get(map)->get());
    attach_mount(mapped.get(), volume.data());
  }
  if (maps_ids() || !view.maps()) return Shown::exact;
  const bool as_stored = format.shifted == view.shifted() && format.owners.is_identity();
  return volume.stage == Stage::init || !as_stored ? Shown::needs_walk : Shown::exact;
}

void BtrfsDriver::owners_stored(const VolumeDir& volume, const IdView& view) {
  auto format = format_of(volume);
  format.shifted = view.shifted();
  format.owners = {};
  write_format(volume, format);
}

Shown BtrfsDriver::recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) {
  const auto format = format_of(volume);
  if (!format.layers.empty()) throw Error(ErrorKind::invalid, "volume '" + volume.handle + "' was made by driver overlay");
  (void)open_below(volume);
  const auto present = mounts.at(volume.data());
  const bool mapped = !map_of(format, view).is_identity();
  // Which map a mount has isn't shown, only that it has one.
  const bool right = present.size() == (mapped ? 1 : 0) && format.owners.is_identity() &&
                     (!mapped || present.front().options.find("idmapped") != std::string::npos);
  if (right && (maps_ids() || format.shifted == view.shifted() || !view.maps())) return Shown::exact;
  return show(volume, view);
}

bool BtrfsDriver::destroy(const VolumeDir& volume) {
  unmount_all(volume.data(), /*lazy=*/true);
  const UniqueFd directory(::open(volume.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const UniqueFd data(directory ? ::openat(directory.get(), kDataDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1);
  std::uint64_t id = 0;
  const bool is_subvolume = data && btrfs_util_is_subvolume_fd(data.get()) == BTRFS_UTIL_OK &&
                            btrfs_util_subvolume_id_fd(data.get(), &id) == BTRFS_UTIL_OK;
  // Subvolumes that a privileged container has made inside go too. What is no subvolume is removed file by file.
  if (is_subvolume &&
      btrfs_util_delete_subvolume_fd(directory.get(), kDataDirectory, BTRFS_UTIL_DELETE_SUBVOLUME_RECURSIVE) == BTRFS_UTIL_OK)
    qgroups_.remove(directory.get(), id);
  remove_tree(volume.path);
  return true;
}

}  // namespace concourse::baggageclaim
