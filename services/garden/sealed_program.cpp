#include "services/garden/sealed_program.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, from Linux 6.3 on
// Exactly these: crun compares.
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

UniqueFd make_memory_file() {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd fd(static_cast<int>(::syscall(SYS_memfd_create, "oci-runtime", flags | kExecutable)));
  if (!fd && errno == EINVAL) fd.reset(static_cast<int>(::syscall(SYS_memfd_create, "oci-runtime", flags)));
  if (!fd) throw SysError("make a file in memory");
  return fd;
}

}  // namespace

SealedProgram::SealedProgram(std::string path) : path_(std::move(path)) {
  try {
    const auto source = os::open_file(path_, O_RDONLY);
    if (::fstat(source.get(), &copied_) != 0) throw SysError("stat '" + path_ + "'");
    auto copy = make_memory_file();
    os::write_all(copy.get(), os::read_existing_file(path_), "copy '" + path_ + "'");
    if (::fcntl(copy.get(), F_ADD_SEALS, kSeals) != 0) throw SysError("seal the copy of '" + path_ + "'");
    fd_ = std::move(copy);
  } catch (const Error& e) {
    log::info("OCI runtime is not kept in memory", {{"path", path_}, {"reason", e.what()}});
  }
}

int SealedProgram::fd() const {
  struct stat now {};
  const bool same = fd_ && ::stat(path_.c_str(), &now) == 0 && now.st_dev == copied_.st_dev && now.st_ino == copied_.st_ino &&
                    now.st_size == copied_.st_size && now.st_mtim.tv_sec == copied_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == copied_.st_mtim.tv_nsec;
  return same ? fd_.get() : -1;
}

}  // namespace concourse::garden
