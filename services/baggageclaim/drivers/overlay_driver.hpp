// Overlayfs: a volume without parent is a layer shown by a bind mount; a copy-on-write child is an overlay of its own, empty
// layer over all layers of its parent, which are never copied.
//
// Owners are stored as the container sees them. The view is made by the kernel: a layer stored one way and shown the other
// goes through an id-mapped mount, each layer of an overlay by itself, so layers made by the Go worker mix with ours. Without
// id-mapped mounts (before Linux 5.19) layers are mounted as they are and the owners walked; metacopy then copies no data.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/drivers/layer_mounter.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

class OverlayDriver : public Driver {
 public:
  // `map`: how to map ids; nothing where the kernel can't.
  OverlayDriver(Paths paths, IdPolicy policy, std::optional<LayerMap> map);

  std::string_view name() const override { return "overlay"; }
  bool maps_ids() const override { return map_.has_value(); }
  void create(const VolumeDir& volume) override;
  void create_copy(const VolumeDir& volume, const VolumeDir& parent) override;
  fs::path content(const VolumeDir& volume) const override { return paths_.layer(volume.handle); }
  Shown show(const VolumeDir& volume, const IdView& view) override;
  void owners_stored(const VolumeDir& volume, const IdView& view) override;
  Shown recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) override;
  bool destroy(const VolumeDir& volume) override;
  std::set<std::string> data_handles() const override;
  void remove_data(const std::string& handle) override;

 private:
  std::optional<VolumeDir> find(const std::string& handle) const;
  VolumeFormat format_of(const VolumeDir& volume) const;
  bool stored_shifted(const std::string& handle) const;
  Shown how_shown(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const;
  bool mapped(bool stored_shifted, const IdView& view) const { return map_ && stored_shifted != view.shifted(); }
  OverlaySpec overlay_spec(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const;
  void mount(const VolumeDir& volume, const VolumeFormat& format, const IdView& view);
  bool is_right(const VolumeDir& volume, const VolumeFormat& format, const IdView& view, const std::vector<Mount>& mounts) const;
  void adopt_plain_directory(const VolumeDir& volume);
  void flatten(const VolumeDir& volume, const VolumeDir& parent);
  void depend(const std::string& child, const std::vector<std::string>& layers);

  const Paths paths_;
  const IdPolicy policy_;
  const std::optional<LayerMap> map_;
  LayerMounter mounter_;

  mutable std::mutex mutex_;                                   // guards the two maps
  std::map<std::string, std::vector<std::string>> layers_of_;  // child -> what it lies on
  std::map<std::string, int> children_of_;                     // layer -> how many lie on it
};

}  // namespace concourse::baggageclaim
