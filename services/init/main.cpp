// concourse-init: pid 1 of a container. It starts the processes that the shim asks for and reaps everything.
//
// It is a static program without heap use of its own, exceptions or threads, and is mounted read-only into the container. When
// the shim goes away its end of the socket closes and the init exits, which ends the container: no container outlives its shim.
// Signals: CHLD reaps; a pid 1 without handlers ignores all others, so nothing inside can end it.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "services/init/cgroup_links.hpp"
#include "services/init/jobs.hpp"

int main() {
  using namespace concourse::init;
  ::umask(022);
  ::fcntl(concourse::init_wire::kSocketFd, F_SETFD, FD_CLOEXEC);
  ::close_range(concourse::init_wire::kSocketFd + 1, ~0U, 0);  // whatever the OCI runtime has left open
  remove_dangling_cgroup_links();
  const OomScore score;
  // Hides our descriptors and memory from the container's root: /proc/1 belongs to nobody in there.
  ::prctl(PR_SET_DUMPABLE, 0);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  const int signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) return 70;

  Jobs jobs(concourse::init_wire::kSocketFd, score);
  if (!jobs.say_hello()) return 71;
  for (;;) {
    pollfd watched[2 + kMaxStarting] = {{concourse::init_wire::kSocketFd, POLLIN, 0}, {signals, POLLIN, 0}};
    const nfds_t count = 2 + jobs.starting(watched + 2);
    if (count - 2 >= kMaxStarting) watched[0].events = 0;  // orders wait until a start is settled
    if (::poll(watched, count, -1) < 0) continue;
    signalfd_siginfo info;
    while (::read(signals, &info, sizeof info) > 0) {
    }
    // Starts are settled before exits, so that a program that ends at once is reported as running first.
    jobs.settle_starts();
    jobs.reap();
    if (watched[0].revents != 0 && !jobs.obey()) return 0;
  }
}
