#include "services/baggageclaim/volume_repository.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/volume_format.hpp"
#include "services/baggageclaim/walk_marker.hpp"

namespace concourse::baggageclaim {

namespace {

using Which = VolumeLocker::Which;
using Mode = VolumeLocker::Mode;

constexpr std::uint64_t kWorthMapping = 64;  // entries: changing fewer costs less than mounting anew

std::optional<Owner> owner_of(const VolumeRequest& request) {
  if (request.uid.value_or(-1) < 0 || request.gid.value_or(-1) < 0) return std::nullopt;
  if (*request.uid > UINT32_MAX - 1 || *request.gid > UINT32_MAX - 1) throw Error(ErrorKind::invalid, "uid or gid is too large");
  return Owner{static_cast<std::uint32_t>(*request.uid), static_cast<std::uint32_t>(*request.gid)};
}

}  // namespace

VolumeRepository::VolumeRepository(Filesystem& filesystem, Driver& driver, IdPolicy policy, Syncer& syncer)
    : filesystem_(filesystem), driver_(driver), policy_(policy), syncer_(syncer) {}

VolumeDir VolumeRepository::find_live(const std::string& handle) const {
  if (is_valid_handle(handle))
    if (auto volume = filesystem_.find(Stage::live, handle)) return std::move(*volume);
  throw no_such_volume(handle);
}

Volume VolumeRepository::describe(const VolumeDir& volume) const {
  return {volume.handle, volume.data().string(), read_properties(volume), read_privileged(volume), std::nullopt, std::nullopt};
}

std::vector<Volume> VolumeRepository::list(const Properties& wanted) const {
  std::vector<Volume> found;
  for (const auto& handle : filesystem_.list(Stage::live)) {
    try {
      auto volume = describe(find_live(handle));
      const auto has = [&](const auto& property) {
        if (!volume.properties) return false;
        const auto it = volume.properties->find(property.first);
        return it != volume.properties->end() && it->second == property.second;
      };
      if (std::all_of(wanted.begin(), wanted.end(), has)) found.push_back(std::move(volume));
    } catch (const Error& e) {
      // Being destroyed right now, or broken since the start.
      if (e.kind() != ErrorKind::not_found) log::error("volume left out of the list", {{"handle", handle}, {"error", e.what()}});
    }
  }
  return found;
}

Volume VolumeRepository::get(const std::string& handle) const { return describe(find_live(handle)); }
bool VolumeRepository::privileged(const std::string& handle) const { return read_privileged(find_live(handle)); }

Volume VolumeRepository::create(const VolumeRequest& request, const Strategy& strategy, const std::stop_token& stop) {
  const auto& handle = request.handle;
  const auto parent_handle = strategy.parent();
  VolumeLocker::Held content, state, parent_state;
  std::optional<VolumeDir> parent;
  if (parent_handle) {
    if (!is_valid_handle(*parent_handle) || !filesystem_.find(Stage::live, *parent_handle))
      throw unprocessable("parent volume '" + *parent_handle + "' doesn't exist");
    content = locker_.lock(*parent_handle, Which::content, Mode::exclusive);
    std::tie(state, parent_state) = locker_.lock_pair(handle, *parent_handle);
    parent = filesystem_.find(Stage::live, *parent_handle);
    if (!parent) throw unprocessable("parent volume '" + *parent_handle + "' doesn't exist");
  } else {
    state = locker_.lock(handle, Which::state, Mode::exclusive);
  }
  make_room(handle);
  auto volume = filesystem_.make(handle);
  ScopeExit undo([&] { abandon(volume); });
  volume = fill(volume, request, strategy, parent ? &*parent : nullptr, stop);
  undo.dismiss();
  return {handle, volume.data().string(), request.properties, request.privileged, request.uid, request.gid};
}

// What an earlier volume of this name has left behind must go first.
void VolumeRepository::make_room(const std::string& handle) {
  for (const auto stage : {Stage::init, Stage::dead})
    if (const auto left = filesystem_.find(stage, handle); left && !driver_.destroy(*left))
      throw Error(ErrorKind::conflict, "volume '" + handle + "' has been destroyed, but other volumes still lie on it");
}

VolumeDir VolumeRepository::fill(const VolumeDir& volume, const VolumeRequest& request, const Strategy& strategy,
                                 const VolumeDir* parent, const std::stop_token& stop) {
  const auto view = policy_.view(request.privileged);
  const auto owner = owner_of(request);
  write_properties(volume, request.properties);
  write_privileged(volume, request.privileged);
  const bool copies = strategy.copies_data() || (parent != nullptr && driver_.copies_data());
  if (copies) syncer_.mark(volume);
  strategy.materialize({driver_, policy_, stop}, volume, parent);
  if (driver_.show(volume, view) == Shown::needs_walk) {
    translate_owners(open_directory(volume.data()).get(), {view, owner});
    driver_.owners_stored(volume, view);
  } else if (owner) {
    give_to(volume, view, *owner);
  }
  // Last, whole: with it the volume is what it will be.
  auto record = read_format(volume).value_or(VolumeFormat{});
  record.strategy = strategy.name();
  record.made_privileged = request.privileged;
  record.made_properties = request.properties;
  write_format(volume, record);
  auto live = filesystem_.move(volume, Stage::live);  // not const: it is moved out
  if (copies) syncer_.release(volume.handle);
  return live;
}

// Where all files have one owner so far, that id and the wanted one change places in the volume's view, and no file is touched.
void VolumeRepository::give_to(const VolumeDir& volume, const IdView& view, const Owner& owner) {
  std::uint64_t entries = 0;
  const auto common = common_owner(open_directory(volume.data()).get(), view, entries);
  if (common && common->uid == owner.uid && common->gid == owner.gid) return;
  if (common && entries >= kWorthMapping && view.to_host(owner.uid) && view.to_host(owner.gid)) {
    const IdMap change{IdPermutation::swap(common->uid, owner.uid), IdPermutation::swap(common->gid, owner.gid)};
    if (driver_.change_owners(volume, change) && driver_.show(volume, view) == Shown::exact) return;
  }
  translate_owners(open_directory(volume.data()).get(), {view, owner});
}

// A creation that failed leaves nothing under its name.
void VolumeRepository::abandon(const VolumeDir& volume) {
  try {
    if (!filesystem_.find(Stage::init, volume.handle)) return;  // it came as far as live/: it is whole
    driver_.destroy(volume);
  } catch (const std::exception& e) {
    log::error("half-made volume left behind", {{"handle", volume.handle}, {"error", e.what()}});
  }
}

void VolumeRepository::destroy(const std::string& handle) {
  find_live(handle);  // before waiting for a lock
  const auto state = locker_.lock(handle, Which::state, Mode::exclusive);
  const auto dead = filesystem_.move(find_live(handle), Stage::dead);
  try {
    if (!driver_.destroy(dead))
      log::info("data of a destroyed volume kept", {{"handle", handle}, {"reason", "other volumes lie on it"}});
  } catch (const SysError& e) {
    if (e.error_number() != EBUSY) throw;
    log::info("data of a destroyed volume kept", {{"handle", handle}, {"reason", e.what()}});
  }
}

void VolumeRepository::set_property(const std::string& handle, const std::string& name, const std::string& value) {
  find_live(handle);
  const auto state = locker_.lock(handle, Which::state, Mode::exclusive);
  const auto volume = find_live(handle);
  auto properties = read_properties(volume).value_or(Properties{});
  properties[name] = value;
  write_properties(volume, properties);
}

void VolumeRepository::set_privileged(const std::string& handle, bool privileged) {
  find_live(handle);
  const auto content = locker_.lock(handle, Which::content, Mode::exclusive);
  const auto state = locker_.lock(handle, Which::state, Mode::exclusive);
  const auto volume = find_live(handle);
  const auto view = policy_.view(privileged);
  if (driver_.maps_ids()) {
    if (view != policy_.view(read_privileged(volume)) && driver_.show(volume, view) == Shown::needs_walk) walk_in_use(volume, view);
    return write_privileged(volume, privileged);
  }
  // The marker first: should we die in between, the walk is done again for whatever the flag says then.
  const bool repeated = WalkMarker::left(volume) != WalkMarker::Left::nothing;
  const WalkMarker marker(volume);
  write_privileged(volume, privileged);
  driver_.show(volume, view);
  translate_owners(open_directory(volume.data()).get(), {view, std::nullopt, {}, repeated});
  driver_.owners_stored(volume, view);
}

// For an overlay in use, which can't be mounted anew with other ids.
void VolumeRepository::walk_in_use(const VolumeDir& volume, const IdView& view) {
  log::info("overlay is in use: its owners are walked", {{"handle", volume.handle}});
  const bool repeated = WalkMarker::left(volume) != WalkMarker::Left::nothing;
  const WalkMarker marker(volume);
  translate_owners(open_directory(volume.data()).get(), {view, std::nullopt, {}, repeated});
  driver_.owners_stored(volume, view);
}

OpenVolume VolumeRepository::open_now(const std::string& handle) {
  const auto state = locker_.lock(handle, Which::state, Mode::shared);
  OpenVolume open;
  open.dir = find_live(handle);
  open.privileged = read_privileged(open.dir);
  open.view = policy_.view(open.privileged);
  open.root = open_directory(open.dir.data());
  return open;
}

OpenVolume VolumeRepository::open(const std::string& handle) {
  find_live(handle);
  return open_now(handle);
}

OpenVolume VolumeRepository::open_for_stream_in(const std::string& handle) {
  find_live(handle);
  auto content = locker_.lock(handle, Which::content, Mode::exclusive);
  auto open = open_now(handle);
  open.content = std::move(content);
  return open;
}

// The dead volumes, those that lie on most others first: a chain of copies goes from its end, all in one call.
std::vector<std::string> VolumeRepository::dead_handles() const {
  std::vector<std::pair<std::size_t, std::string>> found;
  for (auto& handle : filesystem_.list(Stage::dead)) {
    if (!is_valid_handle(handle)) continue;
    std::size_t depth = 0;
    try {
      if (const auto dead = filesystem_.find(Stage::dead, handle)) depth = driver_.depth(*dead);
    } catch (const Error&) {
      // Nothing is known of it; destroying it will tell why.
    }
    found.emplace_back(depth, std::move(handle));
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> handles;
  for (auto& [depth, handle] : found) handles.push_back(std::move(handle));
  return handles;
}

void VolumeRepository::cleanup_orphans() {
  for (const auto& handle : dead_handles()) {
    const auto state = locker_.lock(handle, Which::state, Mode::exclusive);
    const auto dead = filesystem_.find(Stage::dead, handle);
    if (!dead) continue;
    try {
      driver_.destroy(*dead);
    } catch (const Error& e) {
      log::info("dead volume kept until the next clean-up", {{"handle", handle}, {"error", e.what()}});
    }
  }
  // Candidates first, then the stages in the direction in which volumes move: whatever is a volume is seen in one of them.
  auto candidates = driver_.data_handles();
  const auto keep = [&](const std::vector<std::string>& handles) {
    for (const auto& handle : handles) candidates.erase(handle);
  };
  for (const auto stage : {Stage::init, Stage::live, Stage::dead}) keep(filesystem_.list(stage));
  keep(filesystem_.quarantined());
  for (const auto& handle : candidates) {
    if (!is_valid_handle(handle)) continue;  // lost+found, or what else may lie there: not ours
    const auto state = locker_.lock(handle, Which::state, Mode::exclusive);
    if (filesystem_.find(Stage::init, handle) || filesystem_.find(Stage::live, handle) || filesystem_.find(Stage::dead, handle))
      continue;
    try {
      driver_.remove_data(handle);
      log::info("orphaned data removed", {{"handle", handle}});
    } catch (const Error& e) {
      log::error("orphaned data could not be removed", {{"handle", handle}, {"error", e.what()}});
    }
  }
}

}  // namespace concourse::baggageclaim
