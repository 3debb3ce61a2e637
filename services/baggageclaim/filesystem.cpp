#include "services/baggageclaim/filesystem.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/spread.hpp"

namespace concourse::baggageclaim {

namespace {

// Never onto something that exists: rename(2) alone would replace an empty directory, and call equal paths a success.
void rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  throw SysError("rename '" + from.string() + "' to '" + to.string() + "'");
}

dev_t device_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw SysError("stat '" + path.string() + "'");
  return status.st_dev;
}

}  // namespace

Filesystem::Filesystem(Paths paths) : paths_(std::move(paths)) {
  for (const auto stage : {Stage::init, Stage::live, Stage::dead}) os::make_directories(paths_.stage(stage));
  spread_subdirectories(paths_.stage(Stage::init));
  one_device_ =
      paths_.overlays().empty() || !fs::exists(paths_.overlays()) || device_of(paths_.overlays()) == device_of(paths_.volumes());
}

// Not os::list_directory, to which a missing directory is an empty one: here it would mean that no volume is left.
std::vector<std::string> Filesystem::list(Stage stage) const {
  const auto path = paths_.stage(stage);
  os::open_file(path, O_RDONLY | O_DIRECTORY);
  return os::list_directory(path);
}

std::optional<VolumeDir> Filesystem::find(Stage stage, const std::string& handle) const {
  VolumeDir volume{stage, handle, paths_.stage(stage) / handle};
  struct stat status {};
  if (::lstat(volume.path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENAMETOOLONG) return std::nullopt;
    throw SysError("stat '" + volume.path.string() + "'");
  }
  if (!S_ISDIR(status.st_mode)) return std::nullopt;
  return volume;
}

VolumeDir Filesystem::make(const std::string& handle) {
  for (const auto stage : {Stage::live, Stage::dead})
    if (find(stage, handle)) throw Error(ErrorKind::conflict, "volume '" + handle + "' exists already");
  VolumeDir volume{Stage::init, handle, paths_.stage(Stage::init) / handle};
  if (::mkdir(volume.path.c_str(), 0755) == 0) return volume;
  if (errno == EEXIST) throw Error(ErrorKind::conflict, "volume '" + handle + "' is being created already");
  throw SysError("make directory '" + volume.path.string() + "'");
}

VolumeDir Filesystem::move(const VolumeDir& volume, Stage to) {
  VolumeDir moved{to, volume.handle, paths_.stage(to) / volume.handle};
  rename_new(volume.path, moved.path);
  // On one file system what follows can't overtake the rename.
  if (to == Stage::dead && !one_device_) {
    os::fsync_directory(paths_.stage(volume.stage));
    os::fsync_directory(paths_.stage(to));
  }
  return moved;
}

fs::path Filesystem::quarantine(const std::string& handle, const std::string& reason) {
  os::make_directories(paths_.quarantine());
  const auto from = paths_.stage(Stage::live) / handle;
  for (int n = 0;; ++n) {
    auto to = paths_.quarantine() / (n == 0 ? handle : handle + "." + std::to_string(n));
    try {
      rename_new(from, to);
    } catch (const SysError& e) {
      if (e.error_number() != EEXIST) throw;
      continue;
    }
    os::replace_file(to.string() + ".reason", reason + "\n");
    return to;
  }
}

std::vector<std::string> Filesystem::quarantined() const {
  auto names = os::list_directory(paths_.quarantine());
  // A number may have been added: protect the name with and without it.
  for (std::size_t i = 0, n = names.size(); i < n; ++i)
    if (const auto dot = names[i].rfind('.'); dot != std::string::npos) names.push_back(names[i].substr(0, dot));
  return names;
}

}  // namespace concourse::baggageclaim
