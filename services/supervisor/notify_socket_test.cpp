#include "services/supervisor/notify_socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "common/base/error.hpp"
#include "common/daemon/notify.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::supervisor;

TEST_CASE("notify: what a service says is understood, the rest is ignored") {
  const auto ready = parse_notification("READY=1\nSTATUS=42 containers = fine\nX_OTHER=1\nnonsense\nMAINPID=1");
  CHECK(ready.ready);
  CHECK(ready.status == "42 containers = fine");
  CHECK_FALSE(ready.stopping);
  CHECK_FALSE(ready.exit_status);

  CHECK(parse_notification("STOPPING=1").stopping);
  CHECK(parse_notification("WATCHDOG=1").watchdog);
  CHECK_FALSE(parse_notification("WATCHDOG=trigger").watchdog);
  CHECK(parse_notification("EXIT_STATUS=10").exit_status == 10);
  CHECK(parse_notification("EXTEND_TIMEOUT_USEC=1500000").extend == std::chrono::milliseconds(1500));
  CHECK_FALSE(parse_notification("").ready);
}

TEST_CASE("notify: hostile numbers are no numbers") {
  CHECK_FALSE(parse_notification("EXTEND_TIMEOUT_USEC=-1").extend);
  CHECK_FALSE(parse_notification("EXTEND_TIMEOUT_USEC=18446744073709551615").extend);
  CHECK_FALSE(parse_notification("EXIT_STATUS=256").exit_status);
  CHECK_FALSE(parse_notification("EXIT_STATUS=x").exit_status);
  CHECK_FALSE(parse_notification("READY=2").ready);
}

TEST_CASE("notify: the sender is the process that sent, and descriptors that come along are closed") {
  const testing::TempDir folder;
  EventLoop loop;
  std::vector<std::pair<pid_t, Notification>> heard;
  NotifySocket socket(loop, folder.path / "notify.sock",
                      [&](pid_t sender, const Notification& n) { heard.emplace_back(sender, n); });
  struct stat st {};
  REQUIRE(::stat(socket.path().c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);

  setenv("NOTIFY_SOCKET", socket.path().c_str(), 1);
  daemon::notify("READY=1");

  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd client(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.path().string().copy(address.sun_path, sizeof address.sun_path - 1);
  char text[] = "FDSTORE=1";
  iovec part{text, sizeof text - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  std::copy_n(reinterpret_cast<const char*>(&pipe_ends[1]), sizeof(int), reinterpret_cast<char*>(CMSG_DATA(c)));
  REQUIRE(sendmsg(client.get(), &message, 0) > 0);
  close(pipe_ends[1]);

  socket.drain();
  unsetenv("NOTIFY_SOCKET");
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].first == getpid());
  CHECK(heard[0].second.ready);
  char byte = 0;
  CHECK(read(pipe_ends[0], &byte, 1) == 0);  // the last writer is gone: end of file
  close(pipe_ends[0]);
}

TEST_CASE("notify: a runtime directory too long for a socket's address is a usage error that names the flag") {
  const testing::TempDir folder;
  EventLoop loop;
  const auto deep = folder.path / std::string(100, 'd');
  try {
    const NotifySocket socket(loop, deep / "notify.sock", nullptr);
    FAIL("bound to an impossible address");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::usage);
    CHECK(std::string(e.what()).find("flag --runtime-dir") == 0);
  }
}
