// Starts a service as its own session, with its listening sockets by the LISTEN_FDS protocol.
//
// posix_spawn can't do it: LISTEN_PID must name the child, whose pid is known in the child only. The child calls nothing but
// async-signal-safe functions before exec, so the caller may have threads.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace concourse::daemon {

struct Launch {
  std::vector<std::string> argv;                       // argv[0] is the program's path
  std::vector<std::string> environment;                // all of it, LISTEN_* apart
  std::vector<std::pair<std::string, int>> listeners;  // name in LISTEN_FDNAMES, our descriptor; becomes 3, 4, … in the child
  bool sibling = false;                                // a child of our parent, which reaps it, and not of ours
};

// The child's pid once exec has succeeded. Signals are at their defaults there, stdin is /dev/null, stdout and stderr are ours,
// everything else is closed. Throws SysError naming the program when it can't be started.
pid_t launch(const Launch& what);

}  // namespace concourse::daemon
