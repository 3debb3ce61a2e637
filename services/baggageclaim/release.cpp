#include "services/baggageclaim/release.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "services/baggageclaim/disk/mount_users.hpp"
#include "services/baggageclaim/disk/mounts.hpp"

namespace concourse::baggageclaim {

namespace {

class Release {
 public:
  Release(const Paths& paths, bool layered)
      : volumes_(fs::canonical(paths.volumes())), layered_(layered), mounts_(MountTable::read()), users_(MountUsers::look()) {}

  ReleaseReport run() {
    for (const auto& [point, mounts] : mounts_.by_point())
      if (is_data_path(point)) take(point, mounts);
    // The image lies below all of them.
    const auto image = mounts_.at(volumes_);
    if (!image.empty() && image.back().type == "btrfs" && image.back().source.starts_with("/dev/loop") && report_.in_use.empty())
      take(volumes_, {image.back()});
    return std::move(report_);
  }

 private:
  // <volumes>/<stage>/<handle>/volume
  bool is_data_path(const fs::path& point) const {
    return point.filename() == kDataDirectory && point.parent_path().parent_path().parent_path() == volumes_;
  }

  // Another mount of the same file system would do harm, or not come about.
  static bool must_be_alone(const Mount& mount) { return mount.type == "overlay" || mount.source.starts_with("/dev/loop"); }

  void take(const fs::path& point, const std::vector<Mount>& mounts) {
    for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
      const bool alone = must_be_alone(*mount) && mount->root == "/";
      if ((alone && users_.keep(*mount)) || !unmounted(point, /*lazy=*/!alone)) return report_.in_use.push_back(point);
      ++report_.unmounted;
    }
    const bool live = point.parent_path().parent_path().filename() == "live";
    if (layered_ && live && ::rmdir(point.c_str()) != 0)
      log::info("data path stays without its volume", {{"path", point.string()}, {"error", errno_text(errno)}});
  }

  static bool unmounted(const fs::path& point, bool lazy) {
    try {
      return unmount(point, lazy);
    } catch (const SysError&) {
      return false;
    }
  }

  const fs::path volumes_;
  const bool layered_;
  const MountTable mounts_;
  const MountUsers users_;
  ReleaseReport report_;
};

}  // namespace

ReleaseReport release_mounts(const Paths& paths, bool layered) { return Release(paths, layered).run(); }

}  // namespace concourse::baggageclaim
