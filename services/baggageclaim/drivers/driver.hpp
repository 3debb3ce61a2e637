// What keeps the data of volumes. The repository decides what exists and who may touch it when; a driver makes it so.
//
// Threads: calls for different volumes may run at the same time; calls for one volume don't (the repository holds its lock).
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "services/baggageclaim/disk/mount_table.hpp"
#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/uidgid/id_map.hpp"
#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

// Whether a volume's data path now shows its owners as asked, or they have to be walked first (and owners_stored() called).
enum class Shown { exact, needs_walk };

class Driver {
 public:
  virtual ~Driver() = default;
  virtual std::string_view name() const = 0;
  // True if ids are mapped by the kernel: no call then costs more for more files.
  virtual bool maps_ids() const = 0;

  // Whether create_copy() copies.
  virtual bool copies_data() const { return false; }

  // Makes a new, empty volume in init/. Its data path exists afterwards, but may show nothing before show().
  virtual void create(const VolumeDir& volume) = 0;
  // Makes a new volume in init/ with the content of `parent` as it is now, and its parent link. Later changes of either don't
  // show in the other (overlay: as long as nobody writes to the parent).
  virtual void create_copy(const VolumeDir& volume, const VolumeDir& parent) = 0;
  // Where an import writes: with container ids where maps_ids(), and with any ids where a walk follows.
  virtual fs::path content(const VolumeDir& volume) const = 0;

  // Shows every file of `volume`, which is being made, with another owner from the next show() on, without touching it: `change`
  // is in the container's ids. False if the driver can't; then the owners have to be walked.
  virtual bool change_owners(const VolumeDir& volume, const IdMap& change) = 0;

  // Makes the data path show the volume under `view`. What has the old view open keeps it.
  virtual Shown show(const VolumeDir& volume, const IdView& view) = 0;
  // After needs_walk: what the walk has to change besides how root is shown.
  virtual IdMap change_to_walk(const VolumeDir&) const { return {}; }
  // The owners in the data path have been walked since show(): they are stored as `view` shows them from now on.
  virtual void owners_stored(const VolumeDir& volume, const IdView& view) = 0;
  // How many others' data the volume lies on. Volumes are recovered in this order, because recovering one may change its data.
  virtual std::size_t depth(const VolumeDir&) const { return 0; }
  // At start, once for every live volume: as show(), but keeps a mount that is right already. Throws Error if the volume's
  // data isn't whole.
  virtual Shown recover(const VolumeDir& volume, const IdView& view, const MountTable& mounts) = 0;

  // Removes a volume that is in init/ or dead/, its directory included. Repeatable: what an error has left may be tried again
  // later. False if its data has to stay because other volumes were made from it; then it only isn't shown any more.
  virtual bool destroy(const VolumeDir& volume) = 0;

  // Handles for which there is data outside the volumes' directories. The caller looks up which of them are volumes after this
  // call, never before, and holds the handle's lock while one that isn't is removed.
  virtual std::set<std::string> data_handles() const = 0;
  virtual void remove_data(const std::string& handle) = 0;
};

}  // namespace concourse::baggageclaim
