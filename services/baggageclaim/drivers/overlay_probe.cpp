#include "services/baggageclaim/drivers/overlay_probe.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/acting_id.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/drivers/layer_mounter.hpp"
#include "services/baggageclaim/uidgid/user_namespace.hpp"

namespace concourse::baggageclaim {

namespace {

struct stat status_of(int directory, const char* name) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    throw SysError(std::string("stat '") + name + "' in the overlay");
  return status;
}

// Two layers with a file each way, as a build uses them: change the lower one's, make one of one's own, remove one.
void try_overlay(const Paths& paths, UserNamespaces* namespaces, const IdMap& map, bool is_volatile) {
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

  LayerMounter mounter(paths.overlays(), namespaces);
  const auto overlay = mounter.mount({{{lower, map}}, {upper, map}, "probe", is_volatile});
  const auto root = map.uid(0);
  const os::ActingId id(root);
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
  os::make_directories(paths.overlays().parent_path());
  os::make_directories(paths.overlays(), 0700);
  os::make_directories(paths.work());
  OverlayProbe probe;
  try {
    try_overlay(paths, nullptr, {}, false);
  } catch (const Error& e) {
    throw Error(ErrorKind::unavailable, std::string("overlays don't work in '") + paths.overlays().string() + "': " + e.what());
  }
  try {
    try_overlay(paths, nullptr, {}, true);
    probe.can_be_volatile = true;
  } catch (const Error&) {
    // Before Linux 5.10.
  }
  if (!policy.max) {
    probe.ids = "ids are not mapped: user namespaces are disabled";
    return probe;
  }
  try {
    UserNamespaces namespaces(*policy.max);
    try_overlay(paths, &namespaces, IdMap::swap(0, *policy.max), probe.can_be_volatile);
    probe.maps_ids = true;
    probe.ids = "ids are mapped by id-mapped mounts";
  } catch (const Error& e) {
    probe.ids = std::string("owners are walked, because ids can't be mapped: ") + e.what();
  }
  return probe;
}

}  // namespace concourse::baggageclaim
