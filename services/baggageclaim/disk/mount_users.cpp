#include "services/baggageclaim/disk/mount_users.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

namespace {

// The name of a process' mount namespace, "mnt:[4026531841]"; empty if the process has gone.
std::string namespace_of(const std::string& process) {
  char name[64];
  const auto size = ::readlink(("/proc/" + process + "/ns/mnt").c_str(), name, sizeof name);
  return size > 0 ? std::string(name, static_cast<std::size_t>(size)) : "";
}

// Empty if the process has gone.
std::string mountinfo_of(const std::string& process) {
  const auto path = "/proc/" + process + "/mountinfo";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[16384];
  ssize_t n = fd ? 1 : -1;
  while (n > 0) {
    n = ::read(fd.get(), buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
  }
  // EINVAL: it is a zombie, which has no namespace any more.
  if (n < 0 && errno != ENOENT && errno != ESRCH && errno != EINVAL) throw SysError("read '" + path + "'");
  return n < 0 ? "" : text;
}

// The lines that have ` 0:53 ` for the device.
std::string only(const std::string& mountinfo, dev_t device) {
  const auto wanted = " " + std::to_string(major(device)) + ":" + std::to_string(minor(device)) + " ";
  std::string kept;
  for (auto at = mountinfo.find(wanted); at != std::string::npos; at = mountinfo.find(wanted, at)) {
    const auto begin = mountinfo.rfind('\n', at) + 1, end = mountinfo.find('\n', at);
    kept += mountinfo.substr(begin, end - begin) + "\n";
    if (end == std::string::npos) break;
    at = end;
  }
  return kept;
}

bool is_number(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

MountUsers MountUsers::look(std::optional<dev_t> device) {
  std::set<std::string> seen{"", namespace_of("self")};
  std::vector<Mount> elsewhere;
  for (const auto& process : os::list_directory("/proc")) {
    if (!is_number(process) || !seen.insert(namespace_of(process)).second) continue;
    const auto text = mountinfo_of(process);
    for (auto& mount : parse_mount_table(device ? only(text, *device) : text)) elsewhere.push_back(std::move(mount));
  }
  return MountUsers(elsewhere);
}

MountUsers::MountUsers(const std::vector<Mount>& elsewhere) {
  for (const auto& mount : elsewhere) by_device_[mount.device].push_back(mount);
}

bool MountUsers::keep(const Mount& ours) const {
  const auto found = by_device_.find(ours.device);
  if (found == by_device_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Mount& theirs) {
    const bool follows = ours.peers != 0 && (theirs.peers == ours.peers || theirs.master == ours.peers);
    return theirs.point != ours.point || !follows;
  });
}

bool is_used_elsewhere(const std::filesystem::path& point) {
  struct stat status {};
  if (::stat(point.c_str(), &status) != 0) throw SysError("stat '" + point.string() + "'");
  const auto users = MountUsers::look(status.st_dev);
  if (users.none()) return false;
  const auto ours = MountTable::read().at(point);
  return !ours.empty() && users.keep(ours.back());
}

}  // namespace concourse::baggageclaim
