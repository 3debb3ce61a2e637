#include "services/garden/rootfs.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <optional>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

constexpr int kMaxLinks = 40;  // the kernel's own limit

Error refused(const ContainerSpec& spec, const std::string& path, const std::string& why) {
  return Error(ErrorKind::invalid, "rootfs '" + spec.rootfs + "': its '" + path + "' " + why);
}

// The path without links, as it will be inside: a link leads nowhere but into the root, whether or not its target is there
// (what is below /proc will be, once that is mounted). Nothing for links that go round in circles: they lead nowhere.
std::optional<std::string> resolve(const UniqueFd& root, const std::string& path) {
  std::deque<std::string> left;
  const auto prepend = [&left](const std::string& more) {
    const auto parts = split(more, '/');
    left.insert(left.begin(), parts.begin(), parts.end());
  };
  prepend(path);
  std::string place;
  for (int links = 0; !left.empty();) {
    const auto part = left.front();
    left.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      place.erase(place.empty() ? 0 : place.rfind('/'));
      continue;
    }
    const auto next = place + "/" + part;
    char target[PATH_MAX];
    const auto size = ::readlinkat(root.get(), next.c_str() + 1, target, sizeof target);
    if (size < 0) {
      place = next;
      continue;
    }
    if (++links > kMaxLinks) return std::nullopt;
    if (target[0] == '/') place.clear();
    prepend({target, static_cast<std::size_t>(size)});
  }
  return place.empty() ? "/" : place;
}

}  // namespace

bool is_the_containers_own(const std::string& destination) {
  auto plain = std::filesystem::path(destination).lexically_normal().string();
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain == "/" || plain == "/dev" || plain == "/dev/concourse-init" || plain == "/proc" || plain.starts_with("/proc/");
}

void check_rootfs(const ContainerSpec& spec) {
  const auto root = os::open_file(spec.rootfs, O_PATH | O_DIRECTORY);
  struct stat st {};
  for (const char* name : {"dev", "proc", "sys"})
    if (::fstatat(root.get(), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
      throw refused(spec, std::string("/") + name, "must be a directory, or not be there");
  std::vector<std::string> destinations = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
  for (const auto& mount : spec.bind_mounts) destinations.push_back(mount.destination);
  for (const auto& destination : destinations) {
    const auto place = resolve(root, destination);
    if (!place) continue;
    if (is_the_containers_own(*place)) throw refused(spec, destination, "leads to '" + *place + "', which is the container's own");
    if (::fstatat(root.get(), place->c_str() + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
      throw refused(spec, destination, "is neither a file nor a directory: nothing can be mounted on it");
  }
}

}  // namespace concourse::garden
