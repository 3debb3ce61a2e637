#include "services/baggageclaim/drivers/detect.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/drivers/btrfs_driver.hpp"
#include "services/baggageclaim/drivers/btrfs_image.hpp"
#include "services/baggageclaim/drivers/naive_driver.hpp"
#include "services/baggageclaim/drivers/overlay_driver.hpp"
#include "services/baggageclaim/drivers/overlay_probe.hpp"
#include "services/baggageclaim/drivers/tree_inspection.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr const char* kToldToWalk = "owners are walked, as told by flag";
constexpr const char* kNotMapped = "ids are not mapped: user namespaces are disabled";

class Chooser {
 public:
  Chooser(const DriverOptions& options, const Paths& paths, const IdPolicy& policy, const Machine& machine)
      : options_(options), paths_(paths), policy_(policy), machine_(machine), tree_(inspect_tree(paths)) {}

  DriverChoice choose() const {
    if (options_.name == "overlay") return with_reason(overlay(), "chosen by flag");
    if (options_.name == "btrfs") return with_reason(btrfs(), "chosen by flag");
    if (options_.name == "naive") return with_reason(naive(), "chosen by flag");
    return detect();
  }

 private:
  // What is there goes before what would be best.
  DriverChoice detect() const {
    if (tree_.overlay > 0) return with_reason(overlay(), "the volumes that are there are its");
    if (tree_.btrfs > 0 || tree_.btrfs_image) return with_reason(btrfs(), "the volumes that are there are its");
    need_overlays_dir();
    std::string why_not;
    try {
      return with_reason(overlay(), "overlays work here");
    } catch (const Error& e) {
      why_not = e.what();
    }
    if (const auto missing = missing_for_btrfs(); missing.empty()) return with_reason(btrfs(), why_not);
    else return with_reason(naive(), why_not + "; and no btrfs: " + missing);
  }

  static DriverChoice with_reason(DriverChoice choice, std::string reason) {
    choice.reason = std::move(reason);
    return choice;
  }

  void refuse_tree_of(const char* other, std::size_t volumes) const {
    if (volumes > 0)
      throw Error(ErrorKind::usage, "'" + paths_.volumes().string() + "' holds " + std::to_string(volumes) + " volumes of driver " +
                                        other + "; start with --driver " + other + ", or empty it");
  }

  void need_overlays_dir() const {
    if (paths_.overlays().empty())
      throw Error(ErrorKind::usage, "driver overlay needs a directory for its layers: give --overlays-dir, or take --driver naive");
  }

  DriverChoice overlay() const {
    need_overlays_dir();
    refuse_tree_of("btrfs", tree_.btrfs);
    const auto probe = probe_overlay(paths_, options_.id_mapped_mounts ? policy_ : IdPolicy{});
    const bool is_volatile = probe.can_be_volatile && !options_.durable_overlays;
    DriverChoice choice;
    choice.driver = std::make_unique<OverlayDriver>(
        paths_, policy_, OverlayOptions{.maps_ids = probe.maps_ids, .volatile_boot = is_volatile ? machine_.boot_id() : ""});
    choice.ids = options_.id_mapped_mounts ? probe.ids : kToldToWalk;
    return choice;
  }

  // Empty: nothing.
  std::string missing_for_btrfs() const {
    const auto known = os::read_file("/proc/filesystems").value_or("");
    if (known.find("\tbtrfs\n") == std::string::npos) {
      (void)run_quietly({"modprobe", "btrfs"});
      if (os::read_file("/proc/filesystems").value_or("").find("\tbtrfs\n") == std::string::npos)
        return "the kernel doesn't know it";
    }
    for (const auto& program : {options_.btrfs_bin, options_.mkfs_bin})
      if (!run_quietly({program, "--version"})) return "'" + program + "' can't be run; install btrfs-progs";
    return "";
  }

  static bool run_quietly(const std::vector<std::string>& command) {
    try {
      return os::run_program(command, Deadline::in(std::chrono::seconds(30))).status.code == 0;
    } catch (const Error&) {
      return false;
    }
  }

  DriverChoice btrfs() const {
    refuse_tree_of("overlay", tree_.overlay);
    if (!is_on_btrfs(paths_.volumes())) {
      if (const auto missing = missing_for_btrfs(); !missing.empty())
        throw Error(ErrorKind::unavailable, "driver btrfs: " + missing);
      refuse_tree_of("naive", tree_.plain);  // the image would be mounted over them
      mount_btrfs_image(paths_, options_.mkfs_bin);
    }
    DriverChoice choice;
    bool maps_ids = false;
    if (!policy_.max) choice.ids = kNotMapped;
    else maps_ids = can_map_ids(choice.ids);
    choice.driver = std::make_unique<BtrfsDriver>(paths_, policy_, maps_ids);
    return choice;
  }

  bool can_map_ids(std::string& reason) const {
    if (!options_.id_mapped_mounts) return reason = kToldToWalk, false;
    const auto probe = paths_.volumes() / ("probe-" + random_hex(6));
    try {
      os::make_directories(probe);
      const ScopeExit clean([&] { remove_tree(probe); });
      const auto mount = clone_mount(probe);
      map_mount_ids(mount.get(), make_user_namespace(IdMap::swap(0, *policy_.max), *policy_.max).get());
      return reason = "ids are mapped by id-mapped mounts", true;
    } catch (const Error& e) {
      return reason = std::string("owners are walked, because ids can't be mapped: ") + e.what(), false;
    }
  }

  DriverChoice naive() const {
    refuse_tree_of("overlay", tree_.overlay);
    refuse_tree_of("btrfs", tree_.btrfs);
    DriverChoice choice;
    choice.driver = std::make_unique<NaiveDriver>();
    choice.ids = policy_.max ? "owners are walked: driver naive has no mounts to map ids with" : kNotMapped;
    return choice;
  }

  const DriverOptions& options_;
  const Paths& paths_;
  const IdPolicy& policy_;
  const Machine& machine_;
  const TreeInspection tree_;
};

}  // namespace

DriverChoice choose_driver(const DriverOptions& options, const Paths& paths, const IdPolicy& policy, const Machine& machine) {
  return Chooser(options, paths, policy, machine).choose();
}

}  // namespace concourse::baggageclaim
