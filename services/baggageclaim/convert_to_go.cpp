#include "services/baggageclaim/convert_to_go.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <vector>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/drivers/layer_mounter.hpp"
#include "services/baggageclaim/drivers/overlay_records.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/uidgid/translator.hpp"
#include "services/baggageclaim/volume_format.hpp"
#include "services/baggageclaim/walk_marker.hpp"

namespace concourse::baggageclaim {

namespace {

class Converter {
 public:
  Converter(Filesystem& filesystem, const Driver& driver, const IdPolicy& policy)
      : filesystem_(filesystem), paths_(filesystem.paths()), policy_(policy), overlay_(driver.name() == "overlay") {}

  ConversionReport run() {
    for (const auto& handle : filesystem_.list(Stage::live))
      if (auto volume = filesystem_.find(Stage::live, handle)) volumes_.push_back(std::move(*volume));
    // Copies first, through the mounts as they are now; then the mounts go; then what lies below them is changed.
    for (const auto& volume : volumes_)
      step(volume, [&] {
        if (needs_copy(volume)) copy(volume);
      });
    for (const auto& volume : volumes_) step(volume, [&] { unmount_all(volume.data()); });
    for (const auto& volume : volumes_) step(volume, [&] { walk_own(volume); });
    for (const auto& volume : volumes_) step(volume, [&] { walk_merged(volume); });
    for (const auto& volume : volumes_) step(volume, [&] { forget_records(volume); });
    remove_dead();
    remove_tree(paths_.reserve());
    return report_;
  }

 private:
  template <typename F>
  void step(const VolumeDir& volume, F f) {
    try {
      f();
    } catch (const Error& e) {
      throw with_context("volume '" + volume.handle + "'", e);
    }
  }

  IdView view_of(const VolumeDir& volume) const { return policy_.view(read_privileged(volume)); }
  std::optional<VolumeFormat> record_of(const VolumeDir& volume) const { return read_format(volume); }

  bool needs_copy(const VolumeDir& volume) const {
    const auto format = record_of(volume);
    if (!format || !overlay_) return false;  // the Go worker's own, or no layers
    if (!format->owners.is_identity() || format->layers.size() > 1) return true;
    return format->layers.size() == 1 && !filesystem_.find(Stage::live, format->layers.front());
  }

  // The volume as it is shown becomes its own, only layer.
  void copy(const VolumeDir& volume) {
    const auto layer = paths_.layer(volume.handle);
    const fs::path copied = layer.string() + ".converted";
    remove_tree(copied);
    os::make_directories(copied);
    copy_tree(open_directory(volume.data()).get(), open_directory(copied).get(), {});
    unmount_all(volume.data());
    {
      // Layer and record change together or not at all.
      const WalkMarker marker(volume, /*repeatable=*/false);
      if (::renameat2(AT_FDCWD, copied.c_str(), AT_FDCWD, layer.c_str(), RENAME_EXCHANGE) != 0)
        throw SysError("replace '" + layer.string() + "'");
      auto format = record_of(volume).value();
      format.layers.clear();
      set_as_shown(volume, format);
      ::unlink(volume.file(kParentLink).c_str());
    }
    remove_tree(copied);
    remove_tree(paths_.work(volume.handle));
    ++report_.copied;
  }

  fs::path own_data(const VolumeDir& volume) const { return overlay_ ? paths_.layer(volume.handle) : volume.data(); }

  void walk_own(const VolumeDir& volume) {
    const auto format = record_of(volume);
    if (!format || !policy_.max) return;
    remove_tree(paths_.work(volume.handle) / "work");  // with the kernel's note of a volatile overlay
    const auto view = view_of(volume);
    if (format->shifted == view.shifted() && format->owners.is_identity()) return;
    const WalkMarker marker(volume, format->owners.is_identity());
    translate_owners(open_directory(own_data(volume)).get(), {view, std::nullopt, format->owners});
    set_as_shown(volume, *format);
    ++report_.walked;
  }

  // The owners are stored as the volume shows them.
  void set_as_shown(const VolumeDir& volume, VolumeFormat format) const {
    format.shifted = view_of(volume).shifted();
    format.owners = {};
    format.volatile_since.clear();
    write_format(volume, format);
  }

  // What a child shows of its parent's layer must look right too, now that no map makes it so.
  void walk_merged(const VolumeDir& volume) {
    const auto format = record_of(volume);
    if (!format || format->layers.empty() || !overlay_ || !policy_.max) return;
    LayerMounter mounter(paths_.overlays(), nullptr);
    const auto overlay = mounter.mount({{{format->layers.front(), {}}}, {volume.handle, {}}, "converting", /*is_volatile=*/false});
    translate_owners(open_below(overlay).get(), {view_of(volume)});
  }

  static UniqueFd open_below(const UniqueFd& mount) {
    return UniqueFd(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  static void forget_records(const VolumeDir& volume) {
    for (const char* file : {kUnsyncedFile, kWalkingFile, kFormatFile})
      if (::unlink(volume.file(file).c_str()) != 0 && errno != ENOENT)
        throw SysError("remove '" + volume.file(file).string() + "'");
  }

  // Nothing lies on them any more.
  void remove_dead() {
    for (const auto& handle : filesystem_.list(Stage::dead)) {
      if (overlay_) {
        remove_tree(paths_.work(handle));
        remove_tree(paths_.layer(handle));
      }
      remove_tree(paths_.stage(Stage::dead) / handle);
    }
  }

  Filesystem& filesystem_;
  const Paths& paths_;
  const IdPolicy policy_;
  const bool overlay_;
  std::vector<VolumeDir> volumes_;
  ConversionReport report_;
};

}  // namespace

ConversionReport convert_to_go(Filesystem& filesystem, const Driver& driver, const IdPolicy& policy) {
  return Converter(filesystem, driver, policy).run();
}

}  // namespace concourse::baggageclaim
