#include "services/supervisor/identity.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace concourse::supervisor;

namespace {

std::filesystem::path this_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

// A process that has entered namespaces of its own; 0 if we may not make any.
pid_t start_elsewhere(int namespaces) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto pid = ::fork();
  if (pid == 0) {
    const char word = ::unshare(namespaces) == 0 ? 'y' : 'n';
    (void)!::write(ready[1], &word, 1);
    ::pause();
    ::_exit(0);
  }
  char word = 0;
  REQUIRE(::read(ready[0], &word, 1) == 1);
  ::close(ready[0]);
  ::close(ready[1]);
  if (word == 'y') return pid;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return 0;
}

}  // namespace

TEST_CASE("identity: a process of ours is known by its file, also when that lies elsewhere now") {
  CHECK(runs_as_us(::getpid(), this_program()));
  CHECK(runs_as_us(::getpid(), std::filesystem::path("/elsewhere") / this_program().filename()));
  CHECK_FALSE(runs_as_us(::getpid(), "/bin/sh"));
}

TEST_CASE("identity: no variable, no service; no process, none either") {
  CHECK_FALSE(is_service_of(::getpid(), this_program(), "NOTIFY_SOCKET=/nobody's"));
  CHECK_FALSE(runs_as_us(0x7ffffffe, this_program()));
}

TEST_CASE("identity: our program in another user namespace is not ours") {
  const auto pid = start_elsewhere(CLONE_NEWUSER);
  if (pid == 0) return;  // the machine allows none
  CHECK_FALSE(runs_as_us(pid, this_program()));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}
