#include "common/os/user_directory.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace concourse::os {

namespace {

// What getdents64(2) gives for "." and "..": more means that there is something in the directory.
constexpr std::size_t kEntriesOfEmpty = 2 * 24;

bool is_empty(int directory) {
  alignas(8) char entries[1024];
  std::size_t size = 0;
  for (;;) {
    const auto n = ::syscall(SYS_getdents64, directory, entries, sizeof entries);
    if (n < 0) return false;
    if (n == 0) return size <= kEntriesOfEmpty;
    size += static_cast<std::size_t>(n);
    if (size > kEntriesOfEmpty) return false;
  }
}

int open_part(int parent, const char* name) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof how));
}

// -1 with errno.
int make_part(int parent, const char* name, uid_t uid, gid_t gid) {
  if (::mkdirat(parent, name, 0755) != 0) return errno == EEXIST ? open_part(parent, name) : -1;
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat st {};
  if (fd >= 0 && ::fstat(fd, &st) == 0 && st.st_uid == ::geteuid() && is_empty(fd)) (void)!::fchown(fd, uid, gid);
  return fd;
}

}  // namespace

int enter_user_directory(const char* path, uid_t uid, gid_t gid) {
  int here = ::open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  while (here >= 0) {
    while (*path == '/') ++path;
    if (*path == '\0') break;
    char part[256];
    const std::size_t size = std::strcspn(path, "/");
    int next = -1;
    errno = ENAMETOOLONG;
    if (size < sizeof part) {
      std::memcpy(part, path, size);
      part[size] = '\0';
      next = open_part(here, part);
      if (next < 0 && errno == ENOENT) next = make_part(here, part, uid, gid);
    }
    const int error = errno;
    ::close(here);
    errno = error;
    here = next;
    path += size;
  }
  if (here < 0) return errno;
  const int error = ::fchdir(here) == 0 ? 0 : errno;
  ::close(here);
  return error;
}

}  // namespace concourse::os
