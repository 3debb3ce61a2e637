#include "services/baggageclaim/drivers/overlay_driver.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/metadata.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr const char* kGoSource = "overlay";  // what the Go worker's overlays have as source

void make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0) throw SysError("make directory '" + path.string() + "'");
}

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

bool same_directory(const fs::path& a, const fs::path& b) {
  struct stat left {
  }, right{};
  return ::stat(a.c_str(), &left) == 0 && ::stat(b.c_str(), &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

}  // namespace

OverlayDriver::OverlayDriver(Paths paths, IdPolicy policy, std::optional<LayerMap> map)
    : paths_(std::move(paths)), policy_(policy), map_(std::move(map)), mounter_(paths_.overlays(), map_) {
  os::make_directories(paths_.work());
}

void OverlayDriver::create(const VolumeDir& volume) {
  remove_data(volume.handle);  // of a volume that is no more: the repository has made sure of it
  make_directory(paths_.layer(volume.handle));
  make_directory(volume.data());
  write_format(volume, {});
}

void OverlayDriver::create_copy(const VolumeDir& volume, const VolumeDir& parent) {
  const auto below = format_of(parent);
  VolumeFormat format;
  // What is walked starts as its parent is; what is mapped is stored canonically.
  format.shifted = !map_ && below.shifted;
  format.layers = below.layers;
  format.layers.insert(format.layers.begin(), parent.handle);
  if (!LayerMounter::fits(overlay_spec(volume, format, IdView::plain()).lower, {volume.handle, true}))
    return flatten(volume, parent);

  remove_data(volume.handle);
  make_directory(paths_.layer(volume.handle));
  make_directory(paths_.work(volume.handle));
  make_directory(volume.data());
  write_format(volume, format);
  write_parent(volume, paths_.stage(Stage::live) / parent.handle);
  depend(volume.handle, format.layers);
}

// More layers than one mount takes: start anew with a volume that lies on nothing.
void OverlayDriver::flatten(const VolumeDir& volume, const VolumeDir& parent) {
  create(volume);
  const auto source = open_directory(parent.data()), target = open_directory(paths_.layer(volume.handle));
  CopyOptions options;
  if (policy_.max) options.map_id = [view = IdView::privileged(*policy_.max)](std::uint32_t id) { return view.settle(id); };
  copy_tree(source.get(), target.get(), options);
}

// Wherever a volume is whose layer may still be needed.
std::optional<VolumeDir> OverlayDriver::find(const std::string& handle) const {
  for (const auto stage : {Stage::live, Stage::init, Stage::dead})
    if (const auto path = paths_.stage(stage) / handle; is_there(path)) return VolumeDir{stage, handle, path};
  if (const auto path = paths_.quarantine() / handle; is_there(path)) return VolumeDir{Stage::dead, handle, path};
  return std::nullopt;
}

VolumeFormat OverlayDriver::format_of(const VolumeDir& volume) const {
  if (auto format = read_format(volume)) return std::move(*format);
  // Made by the Go worker. Whatever lies between such a child and its root has been copied into the child's own layer.
  VolumeFormat format;
  format.shifted = policy_.view(read_privileged(volume)).shifted();
  auto current = read_parent(volume);
  for (int depth = 0; current; ++depth) {
    format.layers = {*current};
    const auto dir = find(*current);
    if (!dir || depth > 1000)
      throw Error(ErrorKind::invalid, "volume '" + volume.handle + "' has lost its parent '" + *current + "'");
    current = read_parent(*dir);
  }
  return format;
}

bool OverlayDriver::stored_shifted(const std::string& handle) const {
  const auto volume = find(handle);
  if (!volume) throw Error(ErrorKind::invalid, "layer '" + handle + "' belongs to no volume any more");
  if (const auto format = read_format(*volume)) return format->shifted;
  return policy_.view(read_privileged(*volume)).shifted();
}

OverlaySpec OverlayDriver::overlay_spec(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const {
  OverlaySpec spec;
  spec.upper = {volume.handle, mapped(format.shifted, view)};
  spec.source = std::string("volume-") + (spec.upper.mapped ? "m" : "p");
  for (const auto& handle : format.layers) {
    spec.lower.push_back({handle, mapped(stored_shifted(handle), view)});
    spec.source += spec.lower.back().mapped ? "m" : "p";
  }
  spec.source += "-" + volume.handle;
  return spec;
}

Shown OverlayDriver::how_shown(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const {
  if (map_ || !view.maps()) return Shown::exact;
  // A new one may also hold what the host's root wrote into its parent.
  return volume.stage == Stage::init || format.shifted != view.shifted() ? Shown::needs_walk : Shown::exact;
}

void OverlayDriver::mount(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) {
  if (!format.layers.empty()) return attach_mount(mounter_.mount(overlay_spec(volume, format, view)).get(), volume.data());
  const auto layer = clone_mount(paths_.layer(volume.handle));
  if (mapped(format.shifted, view)) map_mount_ids(layer.get(), map_->user_namespace.get());
  attach_mount(layer.get(), volume.data());
}

Shown OverlayDriver::show(const VolumeDir& volume, const IdView& view) {
  const auto format = format_of(volume);
  try {
    // A bind mount's users may keep it. Two overlays must not use one layer at the same time: there this fails (EBUSY).
    unmount_all(volume.data(), /*lazy=*/format.layers.empty());
  } catch (const SysError& e) {
    if (e.error_number() != EBUSY) throw;
    return Shown::needs_walk;
  }
  mount(volume, format, view);
  return how_shown(volume, format, view);
}

void OverlayDriver::owners_stored(const VolumeDir& volume, const IdView& view) {
  auto format = format_of(volume);
  // With ids mapped a walk happens only in an overlay that couldn't be mounted anew: it is still shown under the other view,
  // so what now looks like `view` is stored the other way round.
  format.shifted = map_ ? !format.shifted : view.shifted();
  write_format(volume, format);
}

bool OverlayDriver::is_right(const VolumeDir& volume, const VolumeFormat& format, const IdView& view,
                             const std::vector<Mount>& mounts) const {
  if (mounts.size() != 1) return false;
  const auto& mount = mounts.front();
  if (format.layers.empty()) {
    const bool shows_mapped = mount.options.find("idmapped") != std::string::npos;
    return shows_mapped == mapped(format.shifted, view) && same_directory(volume.data(), paths_.layer(volume.handle));
  }
  if (mount.type != "overlay") return false;
  const auto wanted = overlay_spec(volume, format, view);
  const bool any_mapped =
      wanted.upper.mapped || std::any_of(wanted.lower.begin(), wanted.lower.end(), [](const Layer& l) { return l.mapped; });
  return mount.source == wanted.source || (mount.source == kGoSource && !any_mapped);
}

Shown OverlayDriver::recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) {
  const auto format = format_of(volume);
  if (format.layers.empty() && !is_there(paths_.layer(volume.handle))) adopt_plain_directory(volume);
  for (const auto& handle : format.layers)
    if (!is_there(paths_.layer(handle)))
      throw Error(ErrorKind::invalid, "layer '" + handle + "' of volume '" + volume.handle + "' is missing");
  if (!is_there(paths_.layer(volume.handle)))
    throw Error(ErrorKind::invalid, "the layer of volume '" + volume.handle + "' is missing");
  if (!format.layers.empty()) os::make_directories(paths_.work(volume.handle));
  os::make_directories(volume.data());
  depend(volume.handle, format.layers);
  if (is_right(volume, format, view, mounts.at(volume.data()))) return how_shown(volume, format, view);
  return show(volume, view);
}

// A volume that driver naive made: its data becomes a layer.
void OverlayDriver::adopt_plain_directory(const VolumeDir& volume) {
  if (!is_there(volume.data())) throw Error(ErrorKind::invalid, "the data of volume '" + volume.handle + "' is missing");
  if (::rename(volume.data().c_str(), paths_.layer(volume.handle).c_str()) != 0)
    throw SysError("make '" + volume.data().string() + "' a layer");
  make_directory(volume.data());
}

void OverlayDriver::depend(const std::string& child, const std::vector<std::string>& layers) {
  const std::lock_guard lock(mutex_);
  if (!layers_of_.emplace(child, layers).second) return;
  for (const auto& layer : layers) ++children_of_[layer];
}

bool OverlayDriver::destroy(const VolumeDir& volume) {
  // An overlay whose users aren't gone yet keeps its layer until the next attempt (EBUSY).
  unmount_all(volume.data(), /*lazy=*/!is_there(paths_.work(volume.handle)));
  {
    const std::lock_guard lock(mutex_);
    if (children_of_.contains(volume.handle)) return false;
  }
  remove_data(volume.handle);
  remove_tree(volume.path);
  const std::lock_guard lock(mutex_);
  if (const auto found = layers_of_.find(volume.handle); found != layers_of_.end()) {
    for (const auto& layer : found->second)
      if (--children_of_[layer] == 0) children_of_.erase(layer);
    layers_of_.erase(found);
  }
  return true;
}

std::set<std::string> OverlayDriver::data_handles() const {
  std::set<std::string> handles;
  for (const auto& directory : {paths_.overlays(), paths_.work()})
    for (auto& name : os::list_directory(directory)) handles.insert(std::move(name));
  handles.erase("work");
  return handles;
}

void OverlayDriver::remove_data(const std::string& handle) {
  remove_tree(paths_.work(handle));
  remove_tree(paths_.layer(handle));
}

}  // namespace concourse::baggageclaim
