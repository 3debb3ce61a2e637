#include "services/baggageclaim/uidgid/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

UniqueFd make_user_namespace(const IdMap& map, std::uint32_t max) {
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
  os::write_kernel_file(process + "/uid_map", map.uid.kernel_lines(max));
  os::write_kernel_file(process + "/gid_map", map.gid.kernel_lines(max));
  return os::open_file(process + "/ns/user", O_RDONLY);
}

std::shared_ptr<const UniqueFd> UserNamespaces::get(const IdMap& map) {
  const std::lock_guard lock(mutex_);
  if (const auto found = made_.find(map); found != made_.end()) {
    found->second.used = ++clock_;
    return found->second.fd;
  }
  auto fd = std::make_shared<const UniqueFd>(make_user_namespace(map, max_));
  if (made_.size() >= kKept)
    made_.erase(
        std::min_element(made_.begin(), made_.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  made_[map] = {fd, ++clock_};
  return fd;
}

}  // namespace concourse::baggageclaim
