// A service's process, held by its pidfd: started by us, or by an earlier supervisor whose work we took over.
#pragma once

#include <sys/types.h>

#include <optional>

#include "common/base/unique_fd.hpp"
#include "common/daemon/launch.hpp"
#include "common/os/process.hpp"

namespace concourse::supervisor {

// Dropping it leaves the process running: a service outlives its supervisor.
class Process {
 public:
  static Process start(const daemon::Launch& what);  // throws SysError
  static Process take_over(pid_t pid);               // throws SysError(ESRCH) when it has gone

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when it has ended
  bool is_child() const { return is_child_; }

  void signal(int number) const;  // one that has ended already is fine

  // To be called once the pidfd is readable: reaps a child. Nothing for a process that is not our child, whose exit status
  // only its parent is told.
  std::optional<os::ExitStatus> end();

 private:
  Process(pid_t pid, bool is_child);

  pid_t pid_;
  bool is_child_;
  UniqueFd pidfd_;
};

}  // namespace concourse::supervisor
