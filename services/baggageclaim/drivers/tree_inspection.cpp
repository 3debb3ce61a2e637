#include "services/baggageclaim/drivers/tree_inspection.hpp"

#include <btrfsutil.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/drivers/overlay_records.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

namespace {

std::string maker_of(const Paths& paths, const VolumeDir& volume) {
  try {
    if (const auto format = read_format(volume)) return format->driver;
  } catch (const Error&) {
    // Recovery will tell what is wrong with it.
  }
  if (!paths.overlays().empty() && is_there(paths.layer(volume.handle))) return "overlay";
  return btrfs_util_is_subvolume(volume.data().c_str()) == BTRFS_UTIL_OK ? "btrfs" : "naive";
}

}  // namespace

TreeInspection inspect_tree(const Paths& paths) {
  TreeInspection found;
  for (const auto& handle : os::list_directory(paths.stage(Stage::live))) {
    if (!is_valid_handle(handle)) continue;
    const auto maker = maker_of(paths, {Stage::live, handle, paths.stage(Stage::live) / handle});
    if (maker == "overlay") ++found.overlay;
    else if (maker == "btrfs") ++found.btrfs;
    else ++found.plain;
  }
  found.btrfs_image = fs::exists(paths.image());
  return found;
}

}  // namespace concourse::baggageclaim
