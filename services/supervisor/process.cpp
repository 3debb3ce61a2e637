#include "services/supervisor/process.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"

namespace concourse::supervisor {

Process::Process(pid_t pid, bool is_child) : pid_(pid), is_child_(is_child), pidfd_(os::open_pidfd(pid)) {}

// An unreaped child keeps its pid, so the pidfd can't be of another process.
Process Process::start(const daemon::Launch& what) { return Process(daemon::launch(what), true); }
Process Process::take_over(pid_t pid) { return Process(pid, false); }

void Process::signal(int number) const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    throw SysError("send signal " + std::to_string(number) + " to process " + std::to_string(pid_));
}

std::optional<os::ExitStatus> Process::end() {
  if (!is_child_) return std::nullopt;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0)
    if (errno != EINTR) throw SysError("wait for process " + std::to_string(pid_));
  if (WIFSIGNALED(status)) return os::ExitStatus{128 + WTERMSIG(status), WTERMSIG(status)};
  return os::ExitStatus{WEXITSTATUS(status), 0};
}

}  // namespace concourse::supervisor
