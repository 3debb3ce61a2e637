#include "services/shim/session_keyring.hpp"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"

namespace concourse::shim {

namespace {
// keyctl(2): what its possessors may do, and, below, its owner. No header of the kernel's interface has these.
constexpr unsigned kPossessorView = 0x01000000, kPossessorRead = 0x02000000, kPossessorSearch = 0x08000000;
constexpr unsigned kOwnerView = 0x00010000, kOwnerRead = 0x00020000;
}  // namespace

void join_session_keyring(bool writable) {
  const auto ring = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  if (ring < 0 && errno == ENOSYS) return;
  if (ring < 0) throw SysError("make a session keyring");
  if (writable) return;
  const unsigned allowed = kPossessorView | kPossessorRead | kPossessorSearch | kOwnerView | kOwnerRead;
  if (::syscall(SYS_keyctl, KEYCTL_SETPERM, ring, allowed) != 0) throw SysError("restrict the session keyring");
}

}  // namespace concourse::shim
