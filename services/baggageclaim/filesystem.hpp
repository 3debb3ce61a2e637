// The directories of volumes and their three stages. A volume is wholly in one stage at any time: it moves by one rename.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

class Filesystem {
 public:
  // Makes the stages' directories. Throws SysError.
  explicit Filesystem(Paths paths);

  const Paths& paths() const { return paths_; }

  // Sorted names of all entries, whatever they are. Throws SysError if the stage can't be read.
  std::vector<std::string> list(Stage stage) const;
  // The volume's directory; nothing if it isn't in that stage, or isn't a directory.
  std::optional<VolumeDir> find(Stage stage, const std::string& handle) const;

  // A new directory in init/. Throws Error(conflict) if the handle is in use in any stage.
  VolumeDir make(const std::string& handle);
  // Never replaces anything. To live/: nothing is flushed, because a build waits for it; after a power loss the volume is whole,
  // absent, or has a record without content (volume_format.hpp, is_record_torn). To dead/: on the disk itself before anything of
  // the volume is removed. Returns the directory in its new place.
  VolumeDir move(const VolumeDir& volume, Stage to);
  // Puts a broken entry of live/ aside, with the reason in a file beside it. Returns where it is now.
  fs::path quarantine(const std::string& handle, const std::string& reason);
  // Handles of what is in quarantine: their data outside the volumes' directories has to stay too.
  std::vector<std::string> quarantined() const;

 private:
  const Paths paths_;
  bool one_device_ = false;  // volumes and layers
};

}  // namespace concourse::baggageclaim
