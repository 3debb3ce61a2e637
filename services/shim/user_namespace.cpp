#include "services/shim/user_namespace.hpp"

#include <fcntl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::shim {

namespace {

// In the child: enters a new namespace, says so, and waits until it isn't needed any more. Only the effective id changes: the real
// one stays root's, so that no limit on processes comes with the namespace. Capabilities stay too; a kernel may let nobody else
// make user namespaces.
[[noreturn]] void hold_namespace(int socket, std::uint32_t owner) {
  int error = 0;
  if (::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0 || ::syscall(SYS_setresuid, -1, owner, -1) != 0 ||
      ::unshare(CLONE_NEWUSER) != 0)
    error = errno;
  char last = 0;
  if (::write(socket, &error, sizeof error) == sizeof error)
    while (::read(socket, &last, 1) < 0 && errno == EINTR) {
    }
  ::_exit(0);
}

}  // namespace

UniqueFd make_user_namespace(std::uint32_t owner, const std::string& uid_map, const std::string& gid_map, Deadline deadline) {
  auto [ours, theirs] = os::socket_pair(SOCK_STREAM);
  const pid_t child = ::fork();
  if (child < 0) throw SysError("fork");
  if (child == 0) {
    ours.reset();
    hold_namespace(theirs.get(), owner);
  }
  const ScopeExit reap([&, &end = ours] {
    end.reset();
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  });
  theirs.reset();
  if (!os::wait_for(ours.get(), POLLIN, deadline)) throw Error(ErrorKind::timeout, "the container's user namespace took too long");
  int error = EPROTO;
  if (::read(ours.get(), &error, sizeof error) != sizeof error) error = EPROTO;
  if (error != 0) throw SysError("make a user namespace of user " + std::to_string(owner), error);
  const auto process = "/proc/" + std::to_string(child);
  os::write_kernel_file(process + "/uid_map", uid_map);
  os::write_kernel_file(process + "/gid_map", gid_map);
  return os::open_file(process + "/ns/user", O_RDONLY);
}

DescriptorLink::DescriptorLink(std::filesystem::path path, const UniqueFd& target) : path_(std::move(path)) {
  const auto to = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(target.get());
  ::unlink(path_.c_str());
  if (::symlink(to.c_str(), path_.c_str()) != 0) throw SysError("make link '" + path_.string() + "'");
}

DescriptorLink::~DescriptorLink() { ::unlink(path_.c_str()); }

}  // namespace concourse::shim
