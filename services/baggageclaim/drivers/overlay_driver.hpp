// Overlayfs: a volume without parent is a layer shown by a bind mount; a copy-on-write child is an overlay of its own, empty
// layer over all layers of its parent, which are never copied.
//
// Owners are stored as the container sees them. The view is made by the kernel: each layer goes through an id-mapped mount that
// undoes how it is stored and applies how the volume is to be shown, so layers made by the Go worker mix with ours. Without
// id-mapped mounts (before Linux 5.19) layers are mounted as they are and the owners walked; metacopy then copies no data.
//
// Overlays are mounted `volatile` unless told otherwise: fsync(2) in a build doesn't wait for the disk, and neither does an
// unmount, which else flushes the whole file system. After a power loss such a volume can't be trusted; its record has the boot
// id since when, and recovery gives it up (recovery.hpp).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/drivers/layer_mounter.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

struct OverlayOptions {
  bool maps_ids = false;
  std::string volatile_boot;  // this start of the machine, for volatile overlays; empty: none are made
};

class OverlayDriver : public Driver {
 public:
  OverlayDriver(Paths paths, IdPolicy policy, OverlayOptions options);

  std::string_view name() const override { return "overlay"; }
  bool maps_ids() const override { return namespaces_ != nullptr; }
  void create(const VolumeDir& volume) override;
  void create_copy(const VolumeDir& volume, const VolumeDir& parent) override;
  fs::path content(const VolumeDir& volume) const override { return paths_.layer(volume.handle); }
  bool change_owners(const VolumeDir& volume, const IdMap& change) override;
  Shown show(const VolumeDir& volume, const IdView& view) override;
  IdMap change_to_walk(const VolumeDir& volume) const override;
  void owners_stored(const VolumeDir& volume, const IdView& view) override;
  std::size_t depth(const VolumeDir& volume) const override;
  Shown recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) override;
  bool destroy(const VolumeDir& volume) override;
  std::set<std::string> data_handles() const override;
  void remove_data(const std::string& handle) override;

 private:
  VolumeFormat new_format() const;
  IdMap map_of(bool stored_shifted, const IdMap& owners, const IdView& view) const;
  Shown how_shown(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const;
  OverlaySpec overlay_spec(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const;
  void mount(const VolumeDir& volume, const VolumeFormat& format, const IdView& view);
  void mount_overlay(const VolumeDir& volume, VolumeFormat format, const IdView& view);
  bool is_right(const VolumeDir& volume, const VolumeFormat& format, const IdView& view, const std::vector<Mount>& mounts) const;
  void adopt_plain_directory(const VolumeDir& volume);
  void prepare_root(const std::string& from, const VolumeFormat& format, const std::string& to) const;
  void flatten(const VolumeDir& volume, const VolumeDir& parent);
  void depend(const std::string& child, const std::vector<std::string>& layers);

  const Paths paths_;
  const IdPolicy policy_;
  const std::string volatile_boot_;
  const std::unique_ptr<UserNamespaces> namespaces_;  // nullptr: ids can't be mapped
  LayerMounter mounter_;

  mutable std::mutex mutex_;                                   // guards the two maps
  std::map<std::string, std::vector<std::string>> layers_of_;  // child -> what it lies on
  std::map<std::string, int> children_of_;                     // layer -> how many lie on it
};

}  // namespace concourse::baggageclaim
