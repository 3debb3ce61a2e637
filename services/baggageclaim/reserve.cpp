#include "services/baggageclaim/reserve.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/daemon/log.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr std::uint64_t kModesty = 8;  // times the whole reserve must be free before it is made
}

bool Reserve::give_up_one() {
  const std::lock_guard lock(mutex_);
  for (int n = 0; n < kPieces; ++n)
    if (::unlink((directory_ / std::to_string(n)).c_str()) == 0) {
      log::info("reserved room given up", {{"left", kPieces - n - 1}});
      return true;
    }
  return false;
}

void Reserve::give_up_for_start() {
  struct statvfs disk {};
  if (::statvfs(directory_.c_str(), &disk) != 0) return;  // there is none
  const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free < kPieces * kPieceBytes || (disk.f_files > 0 && disk.f_favail < kPieces))
    while (give_up_one()) {
    }
}

void Reserve::refill(std::uint64_t free_bytes, std::uint64_t free_inodes) {
  if (free_bytes < kModesty * kPieces * kPieceBytes || free_inodes < kModesty * kPieces) return;
  const std::lock_guard lock(mutex_);
  try {
    os::make_directories(directory_, 0700);
    for (int n = 0; n < kPieces; ++n) {
      const auto path = directory_ / std::to_string(n);
      if (::access(path.c_str(), F_OK) == 0) continue;
      const auto fd = os::open_file(path, O_WRONLY | O_CREAT, 0600);
      // Where a file system can't, at least the inode is kept.
      if (::fallocate(fd.get(), 0, 0, kPieceBytes) == 0 || errno == EOPNOTSUPP) continue;
      const int error = errno;
      ::unlink(path.c_str());
      throw SysError("reserve '" + path.string() + "'", error);
    }
  } catch (const Error& e) {
    log::debug("room could not be reserved", {{"error", e.what()}});
  }
}

}  // namespace concourse::baggageclaim
