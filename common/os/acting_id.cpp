#include "common/os/acting_id.hpp"

#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/error.hpp"

namespace concourse::os {

namespace {

// By system call: glibc's functions would change every thread.
void act_as(std::uint32_t uid, std::uint32_t gid) {
  syscall(SYS_setfsgid, gid);
  syscall(SYS_setfsuid, uid);
}

}  // namespace

ActingId::ActingId(std::uint32_t uid, std::uint32_t gid) : secure_bits_(::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)) {
  // Without this bit a thread loses its rights over files when its fsuid isn't root's.
  if (secure_bits_ < 0 || ::prctl(PR_SET_SECUREBITS, secure_bits_ | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0)
    throw SysError("keep capabilities");
  act_as(uid, gid);
  // These calls return the id before them and no error: asking again tells.
  if (static_cast<std::uint32_t>(syscall(SYS_setfsuid, uid)) == uid &&
      static_cast<std::uint32_t>(syscall(SYS_setfsgid, gid)) == gid)
    return;
  act_as(0, 0);
  throw SysError("act as another user", EPERM);
}

ActingId::~ActingId() {
  act_as(0, 0);
  (void)::prctl(PR_SET_SECUREBITS, secure_bits_, 0, 0, 0);
}

}  // namespace concourse::os
