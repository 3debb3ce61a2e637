#include "services/baggageclaim/drivers/naive_driver.hpp"

#include <sys/stat.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

void NaiveDriver::create(const VolumeDir& volume) {
  if (::mkdir(volume.data().c_str(), 0755) != 0) throw SysError("make directory '" + volume.data().string() + "'");
  VolumeFormat format;
  format.driver = "naive";
  write_format(volume, format);
}

void NaiveDriver::create_copy(const VolumeDir& volume, const VolumeDir& parent) {
  create(volume);
  const auto from = open_directory(parent.data()), to = open_directory(volume.data());
  copy_tree(from.get(), to.get(), {});
  write_parent(volume, parent.path);
}

// Whether the owners are right already isn't known: a copy has its parent's.
Shown NaiveDriver::show(const VolumeDir&, const IdView&) { return Shown::needs_walk; }

void NaiveDriver::owners_stored(const VolumeDir& volume, const IdView& view) {
  auto format = read_format(volume).value_or(VolumeFormat{});
  format.driver = "naive";
  format.shifted = view.shifted();
  write_format(volume, format);
}

Shown NaiveDriver::recover(const VolumeDir& volume, const IdView&, const MountTable&) {
  open_directory(volume.data());
  return Shown::exact;
}

bool NaiveDriver::destroy(const VolumeDir& volume) {
  remove_tree(volume.path);
  return true;
}

}  // namespace concourse::baggageclaim
