// Plain directories and copies: works on every file system, needs no mount, and pays for it with time and space.
#pragma once

#include "services/baggageclaim/drivers/driver.hpp"

namespace concourse::baggageclaim {

class NaiveDriver : public Driver {
 public:
  std::string_view name() const override { return "naive"; }
  bool maps_ids() const override { return false; }
  bool copies_data() const override { return true; }
  void create(const VolumeDir& volume) override;
  void create_copy(const VolumeDir& volume, const VolumeDir& parent) override;
  fs::path content(const VolumeDir& volume) const override { return volume.data(); }
  bool change_owners(const VolumeDir&, const IdMap&) override { return false; }
  Shown show(const VolumeDir& volume, const IdView& view) override;
  void owners_stored(const VolumeDir& volume, const IdView& view) override;
  Shown recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) override;
  bool destroy(const VolumeDir& volume) override;
  std::set<std::string> data_handles() const override { return {}; }
  void remove_data(const std::string&) override {}
};

}  // namespace concourse::baggageclaim
