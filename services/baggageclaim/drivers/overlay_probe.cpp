#include "services/baggageclaim/drivers/overlay_probe.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/uidgid/acting_id.hpp"
#include "services/baggageclaim/uidgid/user_namespace.hpp"

namespace concourse::baggageclaim {

namespace {

struct stat status_of(int directory, const char* name) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    throw SysError(std::string("stat '") + name + "' in the overlay");
  return status;
}

// Two layers with a file each way, as a build uses them: read the lower one's, change it, make one of one's own.
void try_overlay(const Paths& paths, const std::optional<LayerMap>& map) {
  const auto lower = "probe-" + random_hex(6), upper = "probe-" + random_hex(6);
  const ScopeExit clean([&] {
    for (const auto& path : {paths.layer(lower), paths.layer(upper), paths.work(upper)}) {
      try {
        remove_tree(path);
      } catch (const Error&) {
        // The next orphan clean-up takes it.
      }
    }
  });
  for (const auto& path : {paths.layer(lower), paths.layer(upper), paths.work(upper)}) os::make_directories(path);
  os::replace_file(paths.layer(lower) / "old", "");

  LayerMounter mounter(paths.overlays(), map);
  const bool mapped = map.has_value();
  const auto overlay = mounter.mount({{{lower, mapped}}, {upper, mapped}, "probe"});
  const auto root = mapped ? map->root : 0;
  const ActingId id(root);
  if (::mkdirat(overlay.get(), "new", 0755) != 0) throw SysError("make a directory in the overlay");
  if (::fchownat(overlay.get(), "old", 1, 1, 0) != 0) throw SysError("change an owner in the overlay");
  if (::unlinkat(overlay.get(), "old", 0) != 0) throw SysError("remove a file from the overlay");
  if (status_of(overlay.get(), "new").st_uid != root)
    throw Error(ErrorKind::unavailable, "the overlay shows another owner than it should");
  struct stat stored {};
  if (::stat((paths.layer(upper) / "new").c_str(), &stored) != 0 || stored.st_uid != 0)
    throw Error(ErrorKind::unavailable, "the overlay stores another owner than it should");
}

}  // namespace

OverlayProbe probe_overlay(const Paths& paths, const IdPolicy& policy) {
  os::make_directories(paths.work());
  try {
    try_overlay(paths, std::nullopt);
  } catch (const Error& e) {
    throw Error(ErrorKind::unavailable, std::string("overlays don't work in '") + paths.overlays().string() + "': " + e.what());
  }
  if (!policy.max) return {std::nullopt, "ids are not mapped: user namespaces are disabled"};
  try {
    LayerMap map{make_swapping_namespace(*policy.max), *policy.max};
    std::optional<LayerMap> tried(std::move(map));
    try_overlay(paths, tried);
    return {std::move(tried), "ids are mapped by id-mapped mounts"};
  } catch (const Error& e) {
    return {std::nullopt, std::string("owners are walked, because ids can't be mapped: ") + e.what()};
  }
}

}  // namespace concourse::baggageclaim
