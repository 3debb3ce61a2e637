#include "services/baggageclaim/recovery.hpp"

#include <unistd.h>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/stream/stream_in.hpp"
#include "services/baggageclaim/uidgid/translator.hpp"
#include "services/baggageclaim/walk_marker.hpp"

namespace concourse::baggageclaim {

namespace {

class Recovery {
 public:
  Recovery(Filesystem& filesystem, Driver& driver, const IdPolicy& policy)
      : filesystem_(filesystem), driver_(driver), policy_(policy), mounts_(MountTable::read()) {}

  RecoveryReport run() {
    for (const auto& handle : filesystem_.list(Stage::live)) live(handle);
    for (const auto& handle : filesystem_.list(Stage::init)) unfinished(handle);
    return std::move(report_);
  }

 private:
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
      restore(*volume);
      ++report_.live;
    } catch (const Error& e) {
      set_aside(handle, e.what());
    }
  }

  void restore(const VolumeDir& volume) {
    (void)read_properties(volume);
    const bool privileged = read_privileged(volume);
    const auto view = policy_.view(privileged);
    const bool interrupted = WalkMarker::exists(volume);
    // With ids mapped a walk happens only under the other view (OverlayDriver::owners_stored).
    const auto shown = driver_.recover(volume, interrupted && driver_.maps_ids() ? policy_.view(!privileged) : view, mounts_);
    const auto root = open_directory(volume.data());
    if (shown == Shown::needs_walk || interrupted) {
      log::info("owners are walked",
                {{"handle", volume.handle}, {"reason", interrupted ? "interrupted walk" : "ids can't be mapped"}});
      translate_owners(root.get(), view);
      driver_.owners_stored(volume, view);
      ::unlink(volume.file(kWalkingFile).c_str());
      if (interrupted && driver_.maps_ids()) driver_.show(volume, view);
    }
    if (recover_stream_in(volume, root.get())) {
      ++report_.streams_undone;
      log::info("interrupted stream undone or completed", {{"handle", volume.handle}});
    }
  }

  void set_aside(const std::string& handle, const std::string& reason) {
    try {
      const auto place = filesystem_.quarantine(handle, reason);
      report_.quarantined.push_back(handle);
      log::error("volume quarantined", {{"handle", handle}, {"reason", reason}, {"place", place.string()}});
    } catch (const Error& e) {
      log::error("broken volume left where it is", {{"handle", handle}, {"reason", reason}, {"error", e.what()}});
    }
  }

  Filesystem& filesystem_;
  Driver& driver_;
  const IdPolicy policy_;
  const MountTable mounts_;
  RecoveryReport report_;
};

}  // namespace

RecoveryReport recover(Filesystem& filesystem, Driver& driver, const IdPolicy& policy) {
  return Recovery(filesystem, driver, policy).run();
}

}  // namespace concourse::baggageclaim
