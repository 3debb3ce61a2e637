#include "common/os/beneath.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace concourse::os {

namespace {

// The kernel answers EAGAIN when something was renamed during the walk; a hostile renamer must not hold us for ever.
constexpr int kAttempts = 64;

}  // namespace

int open_resolved(int directory, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (int attempt = 0;; ++attempt) {
    const auto fd = ::syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno == EINTR || (errno == EAGAIN && attempt < kAttempts)) continue;
    return -1;
  }
}

}  // namespace concourse::os
