#include "services/baggageclaim/guard.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/uidgid/max_valid_id.hpp"

namespace concourse::baggageclaim {

namespace {

void guard(const fs::path& path, mode_t mode, gid_t group) {
  const auto wrong = os::guard_directory(os::open_file(path, O_RDONLY | O_DIRECTORY), mode, group);
  if (!wrong.empty()) log::info("closed to other users", {{"path", path.string()}, {"before", wrong}});
}

}  // namespace

void guard_tree(const Paths& paths) {
  guard(paths.volumes(), 0710, own_max_valid_id().value_or(0));
  if (!paths.overlays().empty() && fs::exists(paths.overlays())) guard(paths.overlays(), 0700, 0);
  struct stat status {};
  if (::stat(paths.image().c_str(), &status) == 0 && (status.st_mode & 077) != 0 && ::chmod(paths.image().c_str(), 0600) != 0)
    throw SysError("close '" + paths.image().string() + "' to others");
}

}  // namespace concourse::baggageclaim
