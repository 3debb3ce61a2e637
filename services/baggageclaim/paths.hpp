// Where volumes live. The Go worker's tree, so that either program can take over the other's (docs/state-on-disk.md).
//
//   <volumes>/                       worker: <work-dir>/volumes; who may enter: guard.hpp
//     lock                           flock: one server per tree
//     clean-stop                     the machine's boot id when the last server was stopped in order (machine.hpp)
//     reserve/                       room for records when the disk is full (reserve.hpp)
//     init/<handle>/                 being made: nobody sees it; removed at start
//     live/<handle>/                 the volume, as far as clients know
//     dead/<handle>/                 being removed, or kept because children still need its layer
//     quarantine/<handle>[.<n>]/     a record that couldn't be read, with `reason`; never touched again by us
//       properties.json              object of strings, or null
//       privileged.json              true or false
//       format.json                  ours: how owners are stored, which layers lie below (volume_format.hpp)
//       stream-in.json               ours, only while a stream is extracted: what to undo after a crash
//       unsynced                     ours: boot id since which the data may not be on the disk (unsynced.hpp)
//       walking                      ours, only while owners are walked: the walk must be done again after a crash
//       parent                       link to <volumes>/live/<parent>, children made copy-on-write only
//       volume/                      the data path: directory, bind mount, overlay or btrfs subvolume
//   <overlays>/                      driver overlay; worker: <work-dir>/overlays
//     <handle>/                      the volume's layer: all its data, or what it changed of its parent's
//     work/<handle>/                 overlayfs' work directory
//   <volumes>.img                    driver btrfs on another file system: the image mounted at <volumes>
#pragma once

#include <filesystem>
#include <string>

namespace concourse::baggageclaim {

namespace fs = std::filesystem;

enum class Stage { init, live, dead };

inline constexpr const char* kPropertiesFile = "properties.json";
inline constexpr const char* kPrivilegedFile = "privileged.json";
inline constexpr const char* kFormatFile = "format.json";
inline constexpr const char* kStreamInFile = "stream-in.json";
inline constexpr const char* kUnsyncedFile = "unsynced";
inline constexpr const char* kWalkingFile = "walking";
inline constexpr const char* kParentLink = "parent";
inline constexpr const char* kDataDirectory = "volume";

class Paths {
 public:
  Paths(fs::path volumes, fs::path overlays) : volumes_(std::move(volumes)), overlays_(std::move(overlays)) {}

  const fs::path& volumes() const { return volumes_; }
  const fs::path& overlays() const { return overlays_; }
  fs::path image() const { return volumes_.string() + ".img"; }
  fs::path lock() const { return volumes_ / "lock"; }
  fs::path clean_stop() const { return volumes_ / "clean-stop"; }
  fs::path reserve() const { return volumes_ / "reserve"; }
  fs::path quarantine() const { return volumes_ / "quarantine"; }

  fs::path stage(Stage stage) const {
    switch (stage) {
      case Stage::init: return volumes_ / "init";
      case Stage::live: return volumes_ / "live";
      case Stage::dead: return volumes_ / "dead";
    }
    return volumes_;
  }
  fs::path layer(const std::string& handle) const { return overlays_ / handle; }
  fs::path work() const { return overlays_ / "work"; }
  fs::path work(const std::string& handle) const { return work() / handle; }

 private:
  fs::path volumes_, overlays_;
};

// One volume's directory, in the stage it is in now.
struct VolumeDir {
  Stage stage = Stage::live;
  std::string handle;
  fs::path path;

  fs::path data() const { return path / kDataDirectory; }
  fs::path file(const char* name) const { return path / name; }
};

}  // namespace concourse::baggageclaim
