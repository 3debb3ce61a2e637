#include "services/garden/mounts/sources.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>
#include <filesystem>

#include "common/base/error.hpp"
#include "common/os/beneath.hpp"

namespace concourse::garden {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNoLinks = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

// Without "." and "..", and without a slash at its end. As there are no links in it, it is still the same place.
fs::path plain(const fs::path& path) {
  auto normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

// What is left of `path` below `directory`; empty if it isn't there, "." if it is the same.
fs::path below(const fs::path& path, const fs::path& directory) {
  const auto rest = path.lexically_relative(directory);
  return rest.empty() || *rest.begin() == ".." ? fs::path() : rest;
}

// Opens `path` from `directory`, or says what is wrong with `named`.
UniqueFd open_below(int directory, const fs::path& path, int flags, const std::string& named) {
  UniqueFd fd(os::open_resolved(directory, path.string(), O_PATH | flags, kNoLinks));
  if (fd) return fd;
  if (errno == ELOOP) throw Error(ErrorKind::invalid, named + ": there is a symbolic link in it; name the place to which it leads");
  throw SysError(named);
}

std::string quoted(const std::string& what, const std::string& path) { return what + " '" + path + "'"; }

// The root of an image that was fetched is the directory `rootfs` of its volume.
bool is_in_volume(const fs::path& root) { return root.filename() == "rootfs" && root.parent_path().filename() == "volume"; }

}  // namespace

UniqueFd open_without_links(const Paths& paths, const std::string& path, const std::string& what, int flags) {
  const auto wanted = plain(path);
  for (const auto& trusted : {paths.live_volumes(), paths.work_dir, fs::path("/")}) {
    const auto rest = below(wanted, plain(trusted));
    if (rest.empty()) continue;
    const UniqueFd directory(::open(trusted.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) throw SysError(quoted(what, path));
    return open_below(directory.get(), rest, flags, quoted(what, path));
  }
  throw Error(ErrorKind::invalid, quoted(what, path) + " must be an absolute path");
}

UniqueFd copy_mount(const UniqueFd& place, bool recursive, const std::string& what) {
  const unsigned flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0U);
  UniqueFd copy(::open_tree(place.get(), "", flags));
  if (!copy) throw SysError("copy the mount of " + what);
  return copy;
}

RootSource open_rootfs(const Paths& paths, const ContainerSpec& spec) {
  const auto what = quoted("rootfs", spec.rootfs);
  const auto path = plain(spec.rootfs);
  if (spec.limits.disk_bytes == 0)
    return {copy_mount(open_without_links(paths, path.string(), "rootfs", O_DIRECTORY), true, what), {}};
  auto volume = open_volume(paths, spec);
  if (!is_in_volume(path)) return {copy_mount(volume, true, what), std::move(volume)};
  return {copy_mount(open_below(volume.get(), path.filename(), O_DIRECTORY, what), true, what), std::move(volume)};
}

UniqueFd open_volume(const Paths& paths, const ContainerSpec& spec) {
  const auto path = plain(spec.rootfs);
  return open_without_links(paths, (is_in_volume(path) ? path.parent_path() : path).string(), "rootfs", O_DIRECTORY);
}

}  // namespace concourse::garden
