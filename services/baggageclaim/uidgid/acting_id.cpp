#include "services/baggageclaim/uidgid/acting_id.hpp"

#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

namespace {

// By system call: glibc's functions would change every thread.
void act_as(std::uint32_t id) {
  syscall(SYS_setfsgid, id);
  syscall(SYS_setfsuid, id);
}

}  // namespace

ActingId::ActingId(std::uint32_t id) : secure_bits_(::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)) {
  // Without this bit a thread loses its rights over files when its fsuid isn't root's.
  if (secure_bits_ < 0 || ::prctl(PR_SET_SECUREBITS, secure_bits_ | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0)
    throw SysError("keep capabilities");
  act_as(id);
  // setfsuid(2) returns the id before it and no error: asking again tells.
  if (static_cast<std::uint32_t>(syscall(SYS_setfsuid, id)) == id) return;
  act_as(0);
  throw SysError("act as another user", EPERM);
}

ActingId::~ActingId() {
  act_as(0);
  (void)::prctl(PR_SET_SECUREBITS, secure_bits_, 0, 0, 0);
}

}  // namespace concourse::baggageclaim
