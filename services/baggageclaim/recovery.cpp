#include "services/baggageclaim/recovery.hpp"

#include <map>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/stream/stream_in.hpp"
#include "services/baggageclaim/uidgid/translator.hpp"
#include "services/baggageclaim/volume_format.hpp"
#include "services/baggageclaim/walk_marker.hpp"

namespace concourse::baggageclaim {

namespace {

class Recovery {
 public:
  Recovery(Filesystem& filesystem, Driver& driver, const IdPolicy& policy, const Machine& machine, Syncer& syncer)
      : filesystem_(filesystem),
        driver_(driver),
        policy_(policy),
        machine_(machine),
        syncer_(syncer),
        mounts_(MountTable::read()) {}

  RecoveryReport run() {
    std::multimap<std::size_t, std::string> by_depth;
    for (auto& handle : filesystem_.list(Stage::live)) by_depth.emplace(depth_of(handle), std::move(handle));
    for (const auto& [depth, handle] : by_depth) live(handle);
    // After the living have told what they lie on.
    for (const auto& handle : report_.lost) give_up(handle);
    for (const auto& handle : filesystem_.list(Stage::init)) unfinished(handle);
    return std::move(report_);
  }

 private:
  std::size_t depth_of(const std::string& handle) const {
    try {
      const auto volume = filesystem_.find(Stage::live, handle);
      return volume ? driver_.depth(*volume) : 0;
    } catch (const Error&) {
      return 0;  // live() will say what is wrong with it
    }
  }

  // Nobody was ever told of it.
  void unfinished(const std::string& handle) {
    try {
      const auto volume = is_valid_handle(handle) ? filesystem_.find(Stage::init, handle) : std::nullopt;
      if (!volume) throw Error(ErrorKind::invalid, "not the directory of a volume");
      driver_.destroy(*volume);
      ++report_.unfinished;
      log::info("half-made volume removed", {{"handle", handle}});
    } catch (const Error& e) {
      log::error("half-made volume could not be removed, ignoring it", {{"handle", handle}, {"error", e.what()}});
    }
  }

  void live(const std::string& handle) {
    try {
      if (!is_valid_handle(handle)) throw Error(ErrorKind::invalid, "the name is no handle");
      const auto volume = filesystem_.find(Stage::live, handle);
      if (!volume) throw Error(ErrorKind::invalid, "not a directory");
      if (may_be_torn(*volume)) return report_.lost.push_back(handle);
      restore(*volume);
      ++report_.live;
    } catch (const Error& e) {
      set_aside(handle, e.what());
    }
  }

  bool may_be_torn(const VolumeDir& volume) const {
    if (is_record_torn(volume)) return true;
    if (const auto since = read_unsynced(volume); since && !machine_.kept_since(*since)) return true;
    const auto format = read_format(volume);
    return format && !format->volatile_since.empty() && !machine_.kept_since(format->volatile_since);
  }

  void give_up(const std::string& handle) {
    try {
      driver_.destroy(filesystem_.move({Stage::live, handle, filesystem_.paths().stage(Stage::live) / handle}, Stage::dead));
      log::error("volume given up", {{"handle", handle}, {"reason", "the machine went down before its data was on the disk"}});
    } catch (const Error& e) {
      log::error("volume that may be torn could not be removed", {{"handle", handle}, {"error", e.what()}});
    }
  }

  // Nothing is flushed while a volume is made; its record is the last file of it.
  static void mend_metadata(const VolumeDir& volume) {
    const auto record = read_format(volume);
    if (!record) return;
    const auto mend = [&](const char* file, const auto& read, const auto& write) {
      try {
        read();
      } catch (const Error& e) {
        log::info("metadata restored from the record", {{"handle", volume.handle}, {"file", file}, {"error", e.what()}});
        write();
      }
    };
    mend(
        kPropertiesFile, [&] { (void)read_properties(volume); }, [&] { write_properties(volume, record->made_properties); });
    mend(
        kPrivilegedFile, [&] { (void)read_privileged(volume); }, [&] { write_privileged(volume, record->made_privileged); });
  }

  void restore(const VolumeDir& volume) {
    mend_metadata(volume);
    (void)read_properties(volume);
    const bool privileged = read_privileged(volume);
    const auto left = WalkMarker::left(volume);
    if (left == WalkMarker::Left::ruined)
      throw Error(ErrorKind::invalid, "a change of its owners was cut short and can't be repeated");
    show(volume, privileged, left == WalkMarker::Left::repeatable);
    if (recover_stream_in(volume, open_directory(volume.data()).get())) {
      ++report_.streams_undone;
      log::info("interrupted stream undone or completed", {{"handle", volume.handle}});
    }
    if (read_unsynced(volume)) syncer_.release(volume.handle);
  }

  void show(const VolumeDir& volume, bool privileged, bool interrupted) {
    const auto view = policy_.view(privileged);
    // With ids mapped a walk happens only under the other view (OverlayDriver::owners_stored).
    const auto shown = driver_.recover(volume, interrupted && driver_.maps_ids() ? policy_.view(!privileged) : view, mounts_);
    if (shown == Shown::exact && !interrupted) return;
    log::info("owners are walked",
              {{"handle", volume.handle}, {"reason", interrupted ? "interrupted walk" : "ids can't be mapped"}});
    const OwnerRule rule{view, std::nullopt, driver_.change_to_walk(volume), interrupted};
    {
      const WalkMarker marker(volume, rule.change.is_identity());
      translate_owners(open_directory(volume.data()).get(), rule);
      driver_.owners_stored(volume, view);
    }
    if (interrupted && driver_.maps_ids()) driver_.show(volume, view);
  }

  void set_aside(const std::string& handle, const std::string& reason) {
    try {
      const auto place = filesystem_.quarantine(handle, reason);
      report_.quarantined.push_back(handle);
      unmount_all(place / kDataDirectory, /*lazy=*/true);  // so that whoever has looked at it can remove it
      log::error("volume quarantined", {{"handle", handle}, {"reason", reason}, {"place", place.string()}});
    } catch (const Error& e) {
      log::error("broken volume left where it is", {{"handle", handle}, {"reason", reason}, {"error", e.what()}});
    }
  }

  Filesystem& filesystem_;
  Driver& driver_;
  const IdPolicy policy_;
  const Machine& machine_;
  Syncer& syncer_;
  const MountTable mounts_;
  RecoveryReport report_;
};

}  // namespace

RecoveryReport recover(Filesystem& filesystem, Driver& driver, const IdPolicy& policy, const Machine& machine, Syncer& syncer) {
  return Recovery(filesystem, driver, policy, machine, syncer).run();
}

}  // namespace concourse::baggageclaim
