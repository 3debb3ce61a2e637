#include "services/supervisor/process.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"

using namespace concourse;
using namespace concourse::supervisor;

TEST_CASE("process: the end is told by exit status or signal, and dropping it ends nothing") {
  pid_t pid = -1;
  {
    auto process = Process::start({.argv = {"/bin/sleep", "600"}, .environment = {}, .listeners = {}});
    pid = process.pid();
  }
  CHECK(::kill(pid, 0) == 0);
  auto other = Process::take_over(pid);
  CHECK_FALSE(other.is_child());
  other.signal(SIGKILL);
  REQUIRE(os::wait_for(other.pidfd(), POLLIN, Deadline::in(std::chrono::seconds(30))));
  CHECK_FALSE(other.end().has_value());
  int status = 0;
  CHECK(::waitpid(pid, &status, 0) == pid);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK_THROWS_AS(Process::take_over(pid), SysError);
}
