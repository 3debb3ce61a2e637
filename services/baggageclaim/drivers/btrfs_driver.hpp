// Btrfs: a volume is a subvolume, a copy-on-write child a snapshot. Owners are stored as the container sees them; where the
// volume is shown otherwise, an id-mapped mount of the subvolume lies over it.
//
// Snapshots are taken, and subvolumes removed, below those mounts: what btrfs' calls say about ids is meant as stored.
#pragma once

#include <memory>

#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/drivers/deleted_qgroups.hpp"
#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"
#include "services/baggageclaim/uidgid/user_namespace.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

class BtrfsDriver : public Driver {
 public:
  // The volumes' directory must be on btrfs by now (mount_btrfs_image).
  BtrfsDriver(Paths paths, IdPolicy policy, bool maps_ids);

  std::string_view name() const override { return "btrfs"; }
  bool maps_ids() const override { return namespaces_ != nullptr; }
  void create(const VolumeDir& volume) override;
  void create_copy(const VolumeDir& volume, const VolumeDir& parent) override;
  fs::path content(const VolumeDir& volume) const override { return volume.data(); }
  bool change_owners(const VolumeDir& volume, const IdMap& change) override;
  Shown show(const VolumeDir& volume, const IdView& view) override;
  IdMap change_to_walk(const VolumeDir& volume) const override { return format_of(volume).owners; }
  void owners_stored(const VolumeDir& volume, const IdView& view) override;
  Shown recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) override;
  bool destroy(const VolumeDir& volume) override;
  std::set<std::string> data_handles() const override { return {}; }
  void remove_data(const std::string&) override {}

 private:
  VolumeFormat format_of(const VolumeDir& volume) const;
  IdMap map_of(const VolumeFormat& format, const IdView& view) const;
  UniqueFd open_below(const VolumeDir& volume) const;

  const Paths paths_;
  const IdPolicy policy_;
  const std::unique_ptr<UserNamespaces> namespaces_;  // nullptr: ids can't be mapped
  const UniqueFd bare_tree_;                          // the volumes' directory without the mounts in it
  DeletedQgroups qgroups_;
};

}  // namespace concourse::baggageclaim
