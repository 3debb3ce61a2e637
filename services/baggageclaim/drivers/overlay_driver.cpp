#include "services/baggageclaim/drivers/overlay_driver.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/mount_users.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/disk/spread.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/drivers/overlay_records.hpp"
#include "services/baggageclaim/metadata.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr const char* kOverlay = "overlay";
constexpr const char* kGoSource = "overlay";  // what the Go worker's overlays have as source

void make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0) throw SysError("make directory '" + path.string() + "'");
}

bool same_directory(const fs::path& a, const fs::path& b) {
  struct stat left {
  }, right{};
  return ::stat(a.c_str(), &left) == 0 && ::stat(b.c_str(), &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

// A short name for an id map: equal maps have equal names, also in another process.
std::string name_of(const IdMap& map) {
  if (map.is_identity()) return "p";
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const auto* permutation : {&map.uid, &map.gid})
    for (const auto& [from, to] : permutation->pairs())
      for (const auto id : {from, to}) hash = (hash ^ id) * 1099511628211u;
  return "m" + std::to_string(hash % 1'000'000'007);
}

}  // namespace

OverlayDriver::OverlayDriver(Paths paths, IdPolicy policy, OverlayOptions options)
    : paths_(std::move(paths)),
      policy_(policy),
      volatile_boot_(std::move(options.volatile_boot)),
      namespaces_(options.maps_ids ? std::make_unique<UserNamespaces>(*policy_.max) : nullptr),
      mounter_(paths_.overlays(), namespaces_.get()) {
  spread_subdirectories(paths_.overlays());
}

VolumeFormat OverlayDriver::new_format() const {
  VolumeFormat format;
  format.driver = kOverlay;
  return format;
}

void OverlayDriver::create(const VolumeDir& volume) {
  remove_data(volume.handle);  // of a volume that is no more: the repository has made sure of it
  make_directory(paths_.layer(volume.handle));
  make_directory(volume.data());
  write_format(volume, new_format());
}

void OverlayDriver::create_copy(const VolumeDir& volume, const VolumeDir& parent) {
  const auto below = overlay_format(paths_, policy_, parent);
  auto format = new_format();
  // What is walked starts as its parent is; what is mapped is stored canonically.
  format.shifted = !maps_ids() && below.shifted;
  format.owners = below.owners;
  format.layers = below.layers;
  format.layers.insert(format.layers.begin(), parent.handle);
  format.volatile_since = volatile_boot_;
  if (!LayerMounter::fits(overlay_spec(volume, format, IdView::plain()).lower, {volume.handle, {}})) return flatten(volume, parent);

  remove_data(volume.handle);
  make_directory(paths_.layer(volume.handle));
  make_directory(paths_.work(volume.handle));
  make_directory(volume.data());
  prepare_root(parent.handle, format, volume.handle);
  write_format(volume, format);
  write_parent(volume, paths_.stage(Stage::live) / parent.handle);
  depend(volume.handle, format.layers);
}

// The root of an overlay is its uppermost layer's. A copy's has its parent's mode and time; it belongs to the container's root
// whoever owns the parent's, as with the Go worker: steps that run as root count on it.
void OverlayDriver::prepare_root(const std::string& from, const VolumeFormat& format, const std::string& to) const {
  struct stat status {};
  if (::stat(paths_.layer(from).c_str(), &status) != 0) throw SysError("stat '" + paths_.layer(from).string() + "'");
  const auto stored = [&](const IdPermutation& owners) { return format.shifted ? *policy_.max : owners.stored_as(0); };
  const auto layer = paths_.layer(to);
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::chown(layer.c_str(), stored(format.owners.uid), stored(format.owners.gid)) != 0 ||
      ::chmod(layer.c_str(), status.st_mode & 07777) != 0 || ::utimensat(AT_FDCWD, layer.c_str(), times, 0) != 0)
    throw SysError("prepare '" + layer.string() + "'");
}

// More layers than one mount takes: start anew with a volume that lies on nothing.
void OverlayDriver::flatten(const VolumeDir& volume, const VolumeDir& parent) {
  create(volume);
  const auto source = open_directory(parent.data()), target = open_directory(paths_.layer(volume.handle));
  CopyOptions options;
  if (policy_.max) options.map_id = [view = IdView::privileged(*policy_.max)](std::uint32_t id) { return view.settle(id); };
  copy_tree(source.get(), target.get(), options);
}

bool OverlayDriver::change_owners(const VolumeDir& volume, const IdMap& change) {
  if (!maps_ids()) return false;
  auto format = overlay_format(paths_, policy_, volume);
  format.owners = format.owners.then(change);
  if (!format.owners.is_short()) return false;
  write_format(volume, format);
  return true;
}

// From what a layer stores to what the host sees of it in a volume with these owners.
IdMap OverlayDriver::map_of(bool shifted, const IdMap& owners, const IdView& view) const {
  if (!maps_ids()) return {};
  VolumeFormat format;
  format.shifted = shifted;
  format.owners = owners;
  return shown_map(format, view, *policy_.max);
}

OverlaySpec OverlayDriver::overlay_spec(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const {
  OverlaySpec spec;
  spec.upper = {volume.handle, map_of(format.shifted, format.owners, view)};
  spec.source = "volume-" + name_of(spec.upper.map);
  for (const auto& handle : format.layers) {
    spec.lower.push_back({handle, map_of(stored_shifted(paths_, policy_, handle), format.owners, view)});
    if (spec.lower.back().map != spec.upper.map)
      spec.source += "-" + name_of(spec.lower.back().map) + "." + std::to_string(spec.lower.size());
  }
  spec.is_volatile = !volatile_boot_.empty();
  return spec;
}

Shown OverlayDriver::how_shown(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) const {
  if (maps_ids() || !view.maps()) return Shown::exact;
  // A new one may also hold what the host's root wrote into its parent.
  const bool as_stored = format.shifted == view.shifted() && format.owners.is_identity() &&
                         std::all_of(format.layers.begin(), format.layers.end(), [&](const std::string& layer) {
                           return stored_shifted(paths_, policy_, layer) == view.shifted();
                         });
  return volume.stage == Stage::init || !as_stored ? Shown::needs_walk : Shown::exact;
}

void OverlayDriver::mount(const VolumeDir& volume, const VolumeFormat& format, const IdView& view) {
  if (!format.layers.empty()) return mount_overlay(volume, format, view);
  const auto layer = clone_mount(paths_.layer(volume.handle));
  if (const auto map = map_of(format.shifted, format.owners, view); !map.is_identity())
    map_mount_ids(layer.get(), namespaces_->get(map)->get());
  attach_mount(layer.get(), volume.data());
}

void OverlayDriver::mount_overlay(const VolumeDir& volume, VolumeFormat format, const IdView& view) {
  const auto spec = overlay_spec(volume, format, view);
  // The kernel's own note that a volatile overlay was here would forbid the mount. Whether its data is to be trusted has been
  // decided from ours.
  remove_tree(paths_.work(volume.handle) / "work");
  if (format.volatile_since != volatile_boot_) {
    format.volatile_since = volatile_boot_;
    write_format(volume, format);
  }
  attach_mount(mounter_.mount(spec).get(), volume.data());
}

Shown OverlayDriver::show(const VolumeDir& volume, const IdView& view) {
  const auto format = overlay_format(paths_, policy_, volume);
  // A bind mount's users may keep it. Two overlays must not use one layer at the same time: if this one is in use, here (EBUSY) or
  // in a container, it stays.
  const bool overlaid = !format.layers.empty();
  if (overlaid && volume.stage == Stage::live && is_mount_point(volume.data()) && is_used_elsewhere(volume.data()))
    return Shown::needs_walk;
  try {
    unmount_all(volume.data(), /*lazy=*/!overlaid);
  } catch (const SysError& e) {
    if (e.error_number() != EBUSY) throw;
    return Shown::needs_walk;
  }
  mount(volume, format, view);
  return how_shown(volume, format, view);
}

IdMap OverlayDriver::change_to_walk(const VolumeDir& volume) const {
  return maps_ids() ? IdMap{} : overlay_format(paths_, policy_, volume).owners;
}

void OverlayDriver::owners_stored(const VolumeDir& volume, const IdView& view) {
  auto format = overlay_format(paths_, policy_, volume);
  // With ids mapped a walk happens only in an overlay that couldn't be mounted anew: it is still shown under the other view,
  // so what now looks like `view` is stored the other way round.
  format.shifted = maps_ids() ? !format.shifted : view.shifted();
  // Without, the walk has made true what a map would show.
  if (!maps_ids()) format.owners = {};
  write_format(volume, format);
}

bool OverlayDriver::is_right(const VolumeDir& volume, const VolumeFormat& format, const IdView& view,
                             const std::vector<Mount>& mounts) const {
  if (mounts.size() != 1) return false;
  const auto& mount = mounts.front();
  if (format.layers.empty()) {
    // Which map a bind mount has isn't shown, only that it has one.
    if (!format.owners.is_identity()) return false;
    const bool shows_mapped = mount.options.find("idmapped") != std::string::npos;
    return shows_mapped == !map_of(format.shifted, format.owners, view).is_identity() &&
           same_directory(volume.data(), paths_.layer(volume.handle));
  }
  if (mount.type != "overlay") return false;
  const auto wanted = overlay_spec(volume, format, view);
  const bool plain = wanted.upper.map.is_identity() && std::all_of(wanted.lower.begin(), wanted.lower.end(),
                                                                   [](const Layer& layer) { return layer.map.is_identity(); });
  return mount.source == wanted.source || (mount.source == kGoSource && plain);
}

std::size_t OverlayDriver::depth(const VolumeDir& volume) const { return overlay_format(paths_, policy_, volume).layers.size(); }

Shown OverlayDriver::recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) {
  const auto format = overlay_format(paths_, policy_, volume);
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
  if (is_there(paths_.work(volume.handle)) && mounter_.is_written_by_overlay(volume.handle))
    throw SysError("remove the layer of volume '" + volume.handle + "', which a container has mounted", EBUSY);
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
