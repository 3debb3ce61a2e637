#include "services/baggageclaim/uidgid/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

UniqueFd make_swapping_namespace(std::uint32_t max) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SysError("make a pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);

  // A process with threads can't enter a user namespace, and must not run anything but system calls between clone and exit in
  // its child: this child only waits until we have finished with it.
  const auto pid = static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) throw SysError("make a user namespace");
  if (pid == 0) {
    ::close(ends[1]);
    char byte = 0;
    while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  const ScopeExit reap([&] {
    write_end.reset();
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  });

  const auto process = "/proc/" + std::to_string(pid);
  const auto m = std::to_string(max);
  const auto map = "0 " + m + " 1\n1 1 " + std::to_string(max - 1) + "\n" + m + " 0 1\n";
  os::write_kernel_file(process + "/uid_map", map);
  os::write_kernel_file(process + "/gid_map", map);
  return os::open_file(process + "/ns/user", O_RDONLY);
}

}  // namespace concourse::baggageclaim
