#include "services/garden/mounts/container_mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

namespace wire = protocol::shim;

constexpr std::size_t kMaxBindMounts = 1000;  // three descriptors each

UniqueFd detached_tmpfs(std::size_t inodes) {
  const UniqueFd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  const auto set = [&](const char* key, const std::string& value) {
    return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
  };
  if (!context || !set("source", "concourse") || !set("size", "1m") || !set("nr_inodes", std::to_string(inodes)) ||
      !set("mode", "755") || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    throw SysError("make a tmpfs for the container's files");
  UniqueFd tree(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!tree) throw SysError("mount a tmpfs for the container's files");
  return tree;
}

bool is_directory(const UniqueFd& place) {
  struct stat st {};
  if (::fstat(place.get(), &st) != 0) throw SysError("look at what is to be mounted");
  return S_ISDIR(st.st_mode);
}

std::size_t checked_count(const ContainerSpec& spec) {
  if (spec.bind_mounts.size() <= kMaxBindMounts) return spec.bind_mounts.size();
  throw Error(ErrorKind::invalid, "a container can have at most " + std::to_string(kMaxBindMounts) + " bind mounts");
}

}  // namespace

ContainerMounts::ContainerMounts(const Paths& paths, const ContainerSpec& spec, Owner owner)
    : owner_(owner),
      root_(open_rootfs(paths, spec)),
      tmpfs_(detached_tmpfs(16 + checked_count(spec))),
      points_(root_.tree, owner, "rootfs '" + spec.rootfs + "'") {
  check_runtimes_places(root_.tree, "rootfs '" + spec.rootfs + "'");
  add("/", true, root_.tree, make_place(wire::kRootName, true));
  for (const auto& mount : spec.bind_mounts) add_bind_mount(paths, mount);
  for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
    auto point = points_.find_or_make(std::string("/etc/") + name, false);
    if (!point.fd) throw Error(ErrorKind::invalid, "rootfs '" + spec.rootfs + "': its '/etc' leads to '" + point.path + "'");
    files_[name] = std::move(point);
  }
}

void ContainerMounts::add(const std::string& destination, bool writable, const UniqueFd& source, UniqueFd place) {
  list_.push_back({destination, writable, true});
  pairs_.insert(pairs_.end(), {source.get(), place.get()});
  held_.push_back(std::move(place));
}

void ContainerMounts::add_bind_mount(const Paths& paths, const BindMount& mount) {
  const std::string what = "bind mount source";
  auto source = copy_mount(open_without_links(paths, mount.source, what), false, what + " '" + mount.source + "'");
  const bool directory = is_directory(source);
  auto point = points_.find_or_make(mount.destination, directory);
  sources_.push_back(std::move(source));
  if (point.fd) {
    add(point.path, mount.writable, sources_.back(), std::move(point.fd));
    points_.cover(point.path, sources_.back());
    return;
  }
  const auto name = std::to_string(for_runtime_.size());
  add(point.path, mount.writable, sources_.back(), make_place(name, directory));
  for_runtime_.push_back({name, point.path, mount.writable});
}

// In the tmpfs.
UniqueFd ContainerMounts::make_place(const std::string& name, bool is_directory) {
  const int made =
      is_directory ? ::mkdirat(tmpfs_.get(), name.c_str(), 0755) : ::mknodat(tmpfs_.get(), name.c_str(), S_IFREG | 0644, 0);
  UniqueFd place(made != 0 ? -1 : ::openat(tmpfs_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!place) throw SysError("make a place for a mount");
  return place;
}

void ContainerMounts::add_file(const std::string& name, const std::string& content) {
  auto& point = files_.at(name);
  const auto what = "write the container's '" + name + "'";
  {
    const UniqueFd file(::openat(tmpfs_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) throw SysError(what);
    os::write_all(file.get(), content, what);
    if (::fchown(file.get(), owner_.uid, owner_.gid) != 0) throw SysError(what);
  }
  UniqueFd source(::openat(tmpfs_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!source) throw SysError(what);
  list_.push_back({point.path, true, false});
  pairs_.insert(pairs_.end(), {source.get(), point.fd.get()});
  held_.push_back(std::move(source));
  held_.push_back(std::move(point.fd));
}

std::vector<int> ContainerMounts::descriptors() const {
  std::vector<int> all{tmpfs_.get()};
  all.insert(all.end(), pairs_.begin(), pairs_.end());
  return all;
}

std::vector<RuntimeMount> ContainerMounts::runtime_mounts(const std::filesystem::path& dir) const {
  auto mounts = for_runtime_;
  for (auto& mount : mounts) mount.source = wire::mounts_path(dir) / mount.source;
  return mounts;
}

void unmount_etc_directory(const std::filesystem::path& path) noexcept { ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); }

}  // namespace concourse::garden
