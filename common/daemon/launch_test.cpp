#include "common/daemon/launch.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"

using namespace concourse;
using namespace concourse::daemon;

namespace {

// Runs a shell script whose descriptor 3 is one end of a pair, and gives what it wrote there.
std::string output_of(const std::string& script, std::vector<std::string> environment = {}, bool sibling = false) {
  auto [ours, theirs] = os::socket_pair(SOCK_STREAM);
  const auto pid = launch({.argv = {"/bin/sh", "-c", script},
                           .environment = std::move(environment),
                           .listeners = {{"one", theirs.get()}},
                           .sibling = sibling});
  theirs.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ours.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  int status = -1;
  CHECK(::waitpid(pid, &status, 0) == (sibling ? -1 : pid));
  if (!sibling) CHECK(WEXITSTATUS(status) == 0);
  return text;
}

}  // namespace

TEST_CASE("launch: the child finds its sockets by LISTEN_*, with its own pid") {
  CHECK(output_of("[ $LISTEN_PID = $$ ] && echo $LISTEN_FDS $LISTEN_FDNAMES $OTHER >&3", {"OTHER=x"}) == "1 one x\n");
}

TEST_CASE("launch: the child has a session of its own, no stdin, and none of our descriptors") {
  // Without CLOEXEC, as a careless parent would leave it.
  const UniqueFd leaky(::dup(0));  // NOLINT(android-cloexec-dup)
  CHECK(output_of("read line || echo none >&3") == "none\n");
  CHECK(output_of("ls /proc/self/fd | wc -l >&3", {"PATH=/usr/bin:/bin"}) == "5\n");  // 0-3 and the directory
  CHECK(output_of("cut -d' ' -f6 /proc/$$/stat >&3; echo $$ >&3", {"PATH=/usr/bin:/bin"}).size() > 0);
  const auto text = output_of("echo $(cut -d' ' -f6 /proc/$$/stat) = $$ >&3", {"PATH=/usr/bin:/bin"});
  CHECK(text.substr(0, text.find(' ')) + "\n" == text.substr(text.find('=') + 2));
}

TEST_CASE("launch: a sibling has our parent") {
  CHECK(output_of("cut -d' ' -f4 /proc/$$/stat >&3", {"PATH=/usr/bin:/bin"}, true) == std::to_string(::getppid()) + "\n");
}

TEST_CASE("launch: a program that can't be started is named with the reason") {
  try {
    launch({.argv = {"/nowhere/program"}, .environment = {}, .listeners = {}});
    FAIL("started nothing");
  } catch (const SysError& e) {
    CHECK(std::string(e.what()) == "start '/nowhere/program': No such file or directory");
  }
}
