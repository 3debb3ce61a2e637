#include "services/supervisor/launch.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"
#include "services/supervisor/process.hpp"

using namespace concourse;
using namespace concourse::supervisor;

namespace {

constexpr auto kSoon = std::chrono::seconds(30);

// Runs a shell script whose descriptor 3 is one end of a pair, and gives what it wrote there.
std::string output_of(const std::string& script, std::vector<std::string> environment = {}) {
  auto [ours, theirs] = os::socket_pair(SOCK_STREAM);
  auto process = Process::start(
      {.argv = {"/bin/sh", "-c", script}, .environment = std::move(environment), .listeners = {{"one", theirs.get()}}});
  theirs.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ours.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  REQUIRE(os::wait_for(process.pidfd(), POLLIN, Deadline::in(kSoon)));
  CHECK(process.end()->code == 0);
  return text;
}

}  // namespace

TEST_CASE("launch: the child finds its sockets by LISTEN_*, with its own pid") {
  CHECK(output_of("[ $LISTEN_PID = $$ ] && echo $LISTEN_FDS $LISTEN_FDNAMES $OTHER >&3", {"OTHER=x"}) == "1 one x\n");
}

TEST_CASE("launch: the child has a session of its own, no stdin, and none of our descriptors") {
  const UniqueFd leaky(::dup(0));  // without CLOEXEC, as a careless parent would leave it
  CHECK(output_of("read line || echo none >&3") == "none\n");
  CHECK(output_of("ls /proc/self/fd | wc -l >&3", {"PATH=/usr/bin:/bin"}) == "5\n");  // 0-3 and the directory
  CHECK(output_of("cut -d' ' -f6 /proc/$$/stat >&3; echo $$ >&3", {"PATH=/usr/bin:/bin"}).size() > 0);
  const auto text = output_of("echo $(cut -d' ' -f6 /proc/$$/stat) = $$ >&3", {"PATH=/usr/bin:/bin"});
  CHECK(text.substr(0, text.find(' ')) + "\n" == text.substr(text.find('=') + 2));
}

TEST_CASE("launch: a program that can't be started is named with the reason") {
  try {
    launch({.argv = {"/nowhere/program"}, .environment = {}, .listeners = {}});
    FAIL("started nothing");
  } catch (const SysError& e) {
    CHECK(std::string(e.what()) == "start '/nowhere/program': No such file or directory");
  }
}

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
  REQUIRE(os::wait_for(other.pidfd(), POLLIN, Deadline::in(kSoon)));
  CHECK_FALSE(other.end().has_value());
  int status = 0;
  CHECK(::waitpid(pid, &status, 0) == pid);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK_THROWS_AS(Process::take_over(pid), SysError);
}
