#include "services/init/cgroup_links.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace concourse::init {

namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";
constexpr int kMostPasses = 8;  // removing may hide entries from the reader

bool is_dangling(int directory, const char* name) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(status.st_mode)) return false;
  return ::fstatat(directory, name, &status, 0) != 0 && errno == ENOENT;
}

// Whether any was removed.
bool remove_once(int directory) {
  bool removed = false;
  alignas(dirent64) char buffer[4096];
  if (::lseek(directory, 0, SEEK_SET) != 0) return false;
  for (;;) {
    const auto size = ::getdents64(directory, buffer, sizeof buffer);
    if (size <= 0) return removed;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (is_dangling(directory, entry->d_name)) removed |= ::unlinkat(directory, entry->d_name, 0) == 0;
    }
  }
}

}  // namespace

void remove_dangling_cgroup_links() {
  const int directory = ::open(kCgroups, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return;
  for (int pass = 0; pass < kMostPasses && remove_once(directory);) ++pass;
  ::close(directory);
}

}  // namespace concourse::init
