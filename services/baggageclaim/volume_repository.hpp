// The volumes of this worker: what exists, who may touch it when, and every change as one step that a crash can't halve.
//
// Thread-safe. Throws no_such_volume for a volume that isn't there, Error(conflict) for one that is in the way.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/filesystem.hpp"
#include "services/baggageclaim/strategies/strategy.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"
#include "services/baggageclaim/uidgid/translator.hpp"
#include "services/baggageclaim/unsynced.hpp"
#include "services/baggageclaim/volume_locker.hpp"

namespace concourse::baggageclaim {

using protocol::baggageclaim::Properties;
using protocol::baggageclaim::Volume;
using protocol::baggageclaim::VolumeRequest;

// A volume's data, held open. It stays what it is even if the volume's view changes or the volume is destroyed.
struct OpenVolume {
  VolumeDir dir;
  UniqueFd root;
  IdView view = IdView::plain();
  bool privileged = false;
  VolumeLocker::Held content;  // only when opened for a stream in
};

class VolumeRepository {
 public:
  VolumeRepository(Filesystem& filesystem, Driver& driver, IdPolicy policy, Syncer& syncer);

  // Live volumes that have all of `wanted`. What can't be read is left out.
  std::vector<Volume> list(const Properties& wanted) const;
  Volume get(const std::string& handle) const;

  // The request's handle must be valid. Stops early, with Error(cancelled), when asked to.
  Volume create(const VolumeRequest& request, const Strategy& strategy, const std::stop_token& stop = {});
  // The volume is gone for everyone afterwards. Its data too, unless it is still in use, or other volumes were made from it:
  // then cleanup_orphans() removes it later.
  void destroy(const std::string& handle);

  void set_property(const std::string& handle, const std::string& name, const std::string& value);
  bool privileged(const std::string& handle) const;
  void set_privileged(const std::string& handle, bool privileged);

  OpenVolume open(const std::string& handle);
  // Waits for a stream into, or a copy of, the volume that is under way.
  OpenVolume open_for_stream_in(const std::string& handle);

  // Removes what is dead, and the driver's data that belongs to no volume. Throws if it can't be sure which that is; a single
  // failure is only logged.
  void cleanup_orphans();

 private:
  VolumeDir find_live(const std::string& handle) const;
  std::vector<std::string> dead_handles() const;
  OpenVolume open_now(const std::string& handle);
  Volume describe(const VolumeDir& volume) const;
  void make_room(const std::string& handle);
  VolumeDir fill(const VolumeDir& volume, const VolumeRequest& request, const Strategy& strategy, const VolumeDir* parent,
                 const std::stop_token& stop);
  void abandon(const VolumeDir& volume);
  void give_to(const VolumeDir& volume, const IdView& view, const Owner& owner);
  void walk_in_use(const VolumeDir& volume, const IdView& view);

  Filesystem& filesystem_;
  Driver& driver_;
  const IdPolicy policy_;
  Syncer& syncer_;
  VolumeLocker locker_;
};

}  // namespace concourse::baggageclaim
