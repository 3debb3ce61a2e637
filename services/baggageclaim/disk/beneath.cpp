#include "services/baggageclaim/disk/beneath.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/beneath.hpp"

namespace concourse::baggageclaim {

namespace {

std::optional<UniqueFd> open_there(int root, const std::string& path, int flags, std::uint64_t how) {
  UniqueFd fd(os::open_resolved(root, path, flags, how));
  if (fd) return fd;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw SysError("open '" + path + "' in the volume");
}

}  // namespace

std::optional<UniqueFd> open_in_root(int root, const std::string& path, int flags) {
  return open_there(root, path, flags, RESOLVE_IN_ROOT);
}

// The kernel takes 4,095 bytes of a path at once: a longer one goes in pieces, each beneath the one before.
std::optional<UniqueFd> open_beneath(int root, const std::string& path, int flags) {
  UniqueFd piece;
  std::size_t at = 0;
  while (path.size() - at >= PATH_MAX) {
    const auto slash = path.rfind('/', at + PATH_MAX - 1);
    if (slash == std::string::npos || slash <= at) throw SysError("open a path in the volume", ENAMETOOLONG);
    auto next = open_there(piece ? piece.get() : root, path.substr(at, slash - at), O_PATH | O_DIRECTORY, RESOLVE_BENEATH);
    if (!next) return std::nullopt;
    piece = std::move(*next);
    at = slash + 1;
  }
  return open_there(piece ? piece.get() : root, at == 0 ? path : path.substr(at), flags, RESOLVE_BENEATH);
}

UniqueFd make_directories_in_root(int root, const std::string& path, mode_t mode, std::string* made) {
  if (made != nullptr) made->clear();
  std::string done;
  UniqueFd here(os::open_resolved(root, ".", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT));
  if (!here) throw SysError("open the volume's root");
  for (const auto& step : split(clean_relative(path), '/')) {
    const auto next = done.empty() ? step : done + "/" + step;
    // From the root each time: a step may be a link or "..", which only make sense there.
    UniqueFd fd(os::open_resolved(root, next, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT));
    if (!fd && errno == ENOENT) {
      if (::mkdirat(here.get(), step.c_str(), mode) == 0) {
        if (made != nullptr && made->empty()) *made = next;
      } else if (errno != EEXIST) {
        throw SysError("make directory '" + next + "' in the volume");
      }
      fd.reset(os::open_resolved(root, next, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT));
    }
    if (!fd) throw SysError("make directory '" + next + "' in the volume");
    here = std::move(fd);
    done = next;
  }
  return here;
}

UniqueFd open_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw SysError("open directory '" + path + "'");
  return fd;
}

std::string fd_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::string shown(const std::string& path) {
  constexpr std::size_t kEnough = 200;
  return path.size() <= kEnough ? path : path.substr(0, kEnough) + "…";
}

std::string clean_relative(std::string_view path) {
  std::vector<std::string> kept;
  for (auto& part : split(path, '/'))
    if (!part.empty() && part != ".") kept.push_back(std::move(part));
  return join(kept, "/");
}

}  // namespace concourse::baggageclaim
