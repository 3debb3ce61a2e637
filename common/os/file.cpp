#include "common/os/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"

namespace concourse::os {

namespace {

std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

void replace(const fs::path& path, std::string_view content, mode_t mode, bool durable) {
  const fs::path temporary = path.string() + ".tmp-" + random_hex(4);
  auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
  ScopeExit clean([&] { ::unlink(temporary.c_str()); });
  write_all(fd.get(), content, "write " + quoted(temporary));
  if (durable && fsync(fd.get()) != 0) throw SysError("fsync " + quoted(temporary));
  if (::rename(temporary.c_str(), path.c_str()) != 0) throw SysError("rename " + quoted(temporary) + " to " + quoted(path));
  clean.dismiss();
  if (durable) fsync_directory(path.parent_path());
}

// Removes what is in the directory `dir`, which must be on device `device`.
void remove_content(UniqueFd dir, dev_t device, const fs::path& path) {
  DIR* raw = fdopendir(dir.get());
  if (raw == nullptr) throw SysError("read directory " + quoted(path));
  (void)dir.release();
  ScopeExit close([&] { closedir(raw); });
  const int fd = dirfd(raw);
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(raw);
    if (entry == nullptr) {
      if (errno != 0) throw SysError("read directory " + quoted(path));
      return;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entry->d_type != DT_DIR && unlinkat(fd, entry->d_name, 0) == 0) continue;
    struct stat st {};
    if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      throw SysError("stat " + quoted(path / name));
    }
    if (S_ISDIR(st.st_mode)) {
      if (st.st_dev != device) throw Error(ErrorKind::conflict, "remove " + quoted(path / name) + ": something is mounted there");
      UniqueFd child(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!child) throw SysError("open " + quoted(path / name));
      remove_content(std::move(child), device, path / name);
      if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT) throw SysError("remove " + quoted(path / name));
    } else if (unlinkat(fd, entry->d_name, 0) != 0 && errno != ENOENT) {
      throw SysError("remove " + quoted(path / name));
    }
  }
}

}  // namespace

UniqueFd open_file(const fs::path& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw SysError("open " + quoted(path));
  return fd;
}

std::optional<std::string> read_file(const fs::path& path, std::size_t max) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw SysError("open " + quoted(path));
  }
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw SysError("read " + quoted(path));
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > max) throw Error(ErrorKind::invalid, quoted(path) + " is larger than " + std::to_string(max) + " bytes");
  }
}

std::string read_existing_file(const fs::path& path, std::size_t max) {
  auto content = read_file(path, max);
  if (!content) throw Error(ErrorKind::not_found, quoted(path) + " does not exist");
  return std::move(*content);
}

void write_all(int fd, std::string_view bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw SysError(what);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void write_file_durably(const fs::path& path, std::string_view content, mode_t mode) { replace(path, content, mode, true); }
void replace_file(const fs::path& path, std::string_view content, mode_t mode) { replace(path, content, mode, false); }

void write_kernel_file(const fs::path& path, std::string_view content) {
  const auto fd = open_file(path, O_WRONLY);
  if (::write(fd.get(), content.data(), content.size()) < 0)
    throw SysError("write '" + std::string(content) + "' to " + quoted(path));
}

void make_directories(const fs::path& path, mode_t mode) {
  if (path.empty() || ::mkdir(path.c_str(), mode) == 0) return;
  if (errno == ENOENT) {
    make_directories(path.parent_path(), mode);
    if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return;
    throw SysError("make directory " + quoted(path));
  }
  struct stat st {};
  if (errno != EEXIST) throw SysError("make directory " + quoted(path));
  if (::stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
    throw Error(ErrorKind::conflict, quoted(path) + " is not a directory");
}

std::string guard_directory(const UniqueFd& directory, mode_t mode, gid_t group) {
  struct stat st {};
  if (::fstat(directory.get(), &st) != 0) throw SysError("stat a directory");
  if (st.st_uid == 0 && st.st_gid == group && (st.st_mode & 07777) == mode) return "";
  // Closed first, so that the new group gets nothing of the old mode.
  if (::fchmod(directory.get(), mode & 0700) != 0 || ::fchown(directory.get(), 0, group) != 0 ||
      ::fchmod(directory.get(), mode) != 0)
    throw SysError("close a directory to others");
  char octal[8];
  std::snprintf(octal, sizeof octal, "%04o", st.st_mode & 07777U);
  return "mode " + std::string(octal) + ", owner " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid);
}

void fsync_directory(const fs::path& path) {
  const auto fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (fsync(fd.get()) != 0) throw SysError("fsync " + quoted(path));
}

void remove_tree(const fs::path& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) {
    if (errno == ENOENT) return;
    throw SysError("stat " + quoted(path));
  }
  if (!S_ISDIR(st.st_mode)) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw SysError("remove " + quoted(path));
    return;
  }
  remove_content(open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), st.st_dev, path);
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) throw SysError("remove " + quoted(path));
}

std::vector<std::string> list_directory(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator(); it.increment(error))
    names.push_back(it->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory) throw SysError("read directory " + quoted(path), error.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<UniqueFd> try_lock_file(const fs::path& path) {
  auto fd = open_file(path, O_RDWR | O_CREAT);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw SysError("lock " + quoted(path));
  }
  if (ftruncate(fd.get(), 0) != 0) throw SysError("truncate " + quoted(path));
  write_all(fd.get(), std::to_string(getpid()) + "\n", "write " + quoted(path));
  return fd;
}

}  // namespace concourse::os
