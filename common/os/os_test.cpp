#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "common/os/unix_socket.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using concourse::testing::TempDir;
namespace fs = std::filesystem;

namespace {
const auto kSoon = std::chrono::seconds(10);
}  // namespace

TEST_CASE("file: a durable write replaces the whole file and leaves no temporary") {
  const TempDir dir;
  os::write_file_durably(dir.path / "f", "one");
  os::write_file_durably(dir.path / "f", "two", 0600);
  CHECK(os::read_existing_file(dir.path / "f") == "two");
  CHECK(os::list_directory(dir.path) == std::vector<std::string>{"f"});
  CHECK_FALSE(os::read_file(dir.path / "none"));
  CHECK_THROWS_AS(os::write_file_durably(dir.path / "none" / "f", "x"), SysError);
}

TEST_CASE("file: removing a tree leaves what its links point to") {
  const TempDir dir;
  os::make_directories(dir.path / "t" / "a" / "b");
  os::replace_file(dir.path / "keep", "x");
  fs::create_symlink(dir.path / "keep", dir.path / "t" / "a" / "link");
  fs::create_directory_symlink(dir.path, dir.path / "t" / "up");
  os::remove_tree(dir.path / "t");
  os::remove_tree(dir.path / "t");
  CHECK(os::list_directory(dir.path) == std::vector<std::string>{"keep"});
}

TEST_CASE("file: a directory that others may enter is closed to all but root and a group" * doctest::skip(::geteuid() != 0)) {
  const testing::TempDir dir;
  const auto open = os::open_file(dir.path, O_RDONLY | O_DIRECTORY);
  constexpr gid_t group = 4242;
  REQUIRE(::fchmod(open.get(), 02775) == 0);
  CHECK(os::guard_directory(open, 0710, group) == "mode 2775, owner 0:0");
  struct stat st {};
  REQUIRE(::fstat(open.get(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0710);
  CHECK(st.st_gid == group);
  CHECK(os::guard_directory(open, 0710, group).empty());
}

TEST_CASE("file: a lock has one holder, who is named in the file") {
  const TempDir dir;
  auto first = os::try_lock_file(dir.path / "lock");
  REQUIRE(first);
  CHECK_FALSE(os::try_lock_file(dir.path / "lock"));
  CHECK(os::read_existing_file(dir.path / "lock") == std::to_string(getpid()) + "\n");
  first.reset();
  CHECK(os::try_lock_file(dir.path / "lock"));
}

TEST_CASE("unix socket: a path longer than sun_path works, and frames carry descriptors") {
  const TempDir dir;
  const auto deep = dir.path / std::string(60, 'd') / std::string(60, 'e');
  os::make_directories(deep);
  const auto listener = os::listen_unix(deep / "s.sock");
  struct stat st {};
  CHECK(::stat((deep / "s.sock").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);

  const auto client = os::connect_unix(deep / "s.sock", Deadline::in(kSoon));
  const UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto [left, right] = os::socket_pair(SOCK_STREAM);
  const std::string body(300000, 'b');
  std::string got;
  // Larger than the socket's buffer: sender and receiver have to take turns, so the sender runs as a child.
  if (fork() == 0) {
    os::send_frame(client.get(), body, {left.get()}, Deadline::in(kSoon));
    _exit(0);
  }
  auto frame = os::receive_frame(server.get(), Deadline::in(kSoon));
  REQUIRE(frame);
  CHECK(frame->body == body);
  REQUIRE(frame->fds.size() == 1);
  CHECK(::write(frame->fds[0].get(), "x", 1) == 1);
  char c = 0;
  CHECK(::read(right.get(), &c, 1) == 1);
}

TEST_CASE("unix socket: a silent peer is a timeout, a gone one is an end") {
  auto [left, right] = os::socket_pair(SOCK_STREAM);
  CHECK_THROWS_AS(os::receive_frame(left.get(), Deadline::in(std::chrono::milliseconds(20))), Error);
  right.reset();
  CHECK_FALSE(os::receive_frame(left.get(), Deadline::in(kSoon)));
  CHECK_THROWS_AS(os::connect_unix("/nowhere/s", Deadline::in(kSoon)), SysError);
}

TEST_CASE("process: exit statuses, descriptors and deadlines") {
  CHECK(os::run_program({"sh", "-c", "echo out; echo err >&2; exit 3"}, Deadline::in(kSoon)).status.code == 3);
  CHECK(os::run_program({"sh", "-c", "echo out"}, Deadline::in(kSoon)).output == "out\n");
  CHECK(os::run_program({"sh", "-c", "kill -9 $$"}, Deadline::in(kSoon)).status.code == 137);
  CHECK_THROWS_AS(os::run_program({"sh", "-c", "exec sleep 60"}, Deadline::in(std::chrono::milliseconds(50))), Error);
  CHECK_THROWS_AS(os::run_program({"/nowhere/program"}, Deadline::in(kSoon)), SysError);

  auto [ours, theirs] = os::socket_pair(SOCK_STREAM);
  const auto private_fd = os::open_file("/dev/null", O_RDONLY);
  auto child = os::Child::spawn(
      {.argv = {"sh", "-c", "echo hi >&9; [ -e /proc/self/fd/" + std::to_string(private_fd.get()) + " ] && echo leaked >&9; true"},
       .env = {},
       .fds = {{theirs.get(), 9}},
       .working_dir = {}});
  theirs.reset();
  std::string text;
  char buffer[256];
  for (ssize_t n = 0; (n = ::read(ours.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  CHECK(text == "hi\n");
  CHECK(child.wait(Deadline::in(kSoon)));
}

TEST_CASE("process: a dropped child is killed and reaped") {
  pid_t pid = 0;
  {
    const auto child = os::Child::spawn({.argv = {"sleep", "60"}, .env = {}, .fds = {}, .working_dir = {}});
    pid = child.pid();
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) == -1);
}
