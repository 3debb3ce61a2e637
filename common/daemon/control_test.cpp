#include "common/daemon/control.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "common/base/error.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/unix_socket.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::daemon;

namespace {

constexpr auto kSoon = std::chrono::seconds(30);

// A server on a loop of its own thread.
struct Served {
  testing::TempDir folder;
  std::filesystem::path socket = folder.path / "x.sock";
  EventLoop loop;
  ControlServer server{loop, os::listen_unix(socket)};
  std::thread thread;

  void start() {
    thread = std::thread([this] { loop.run(); });
  }
  ~Served() {
    loop.stop();
    thread.join();
  }
};

}  // namespace

TEST_CASE("control: a question gets its answer, and descriptors travel both ways") {
  Served served;
  auto [kept, given] = os::socket_pair(SOCK_STREAM);
  served.server.on("echo", [&, fd = kept.get()](const Json& question, auto& fds) {
    ControlAnswer answer;
    answer.body["said"] = string_field(question, "say");
    answer.body["fds"] = fds.size();
    answer.fds.push_back(fd);
    return answer;
  });
  served.start();

  std::vector<UniqueFd> received;
  const auto answer =
      ask(served.socket, {{"command", "echo"}, {"say", "hi"}}, Deadline::in(kSoon), {given.get(), given.get()}, &received);
  CHECK(string_field(answer, "said") == "hi");
  CHECK(int_field(answer, "fds") == 2);
  REQUIRE(received.size() == 1);
  REQUIRE(::write(received[0].get(), "x", 1) == 1);
  char byte = 0;
  CHECK(::read(given.get(), &byte, 1) == 1);
}

TEST_CASE("control: refusals carry the service's words, and nonsense ends nothing") {
  Served served;
  served.server.on("no", [](const Json&, auto&) -> ControlAnswer { throw Error(ErrorKind::conflict, "not now"); });
  served.server.on("yes", [](const Json&, auto&) { return ControlAnswer{}; });
  served.start();

  CHECK_THROWS_WITH_AS(ask(served.socket, {{"command", "no"}}, Deadline::in(kSoon)), "not now", Error);
  CHECK_THROWS_WITH_AS(ask(served.socket, {{"command", "what"}}, Deadline::in(kSoon)), "unknown command 'what'", Error);
  for (const char* nonsense : {"", "{", "[]", "\"x\"", "{\"command\":5}"}) {
    const auto frame = os::call_unix(served.socket, nonsense, {}, Deadline::in(kSoon));
    CHECK_FALSE(bool_field(parse_json(frame.body), "ok"));
  }
  { const auto hung_up = os::connect_unix(served.socket, Deadline::in(kSoon)); }
  CHECK(bool_field(ask(served.socket, {{"command", "yes"}}, Deadline::in(kSoon)), "ok"));
}

TEST_CASE("control: nobody there is told apart from a refusal") {
  try {
    ask("/nowhere/x.sock", {{"command", "status"}}, Deadline::in(kSoon));
    FAIL("somebody answered");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::not_found);
  }
}

TEST_CASE("control: a question is worked on under the asker's request") {
  Served served;
  served.server.on("whose", [](const Json&, auto&) {
    return ControlAnswer{.body = {{"request", log::current_request()}}, .fds = {}};
  });
  served.start();
  const auto whose = [&](Json question) {
    return string_field(ask(served.socket, std::move(question), Deadline::in(kSoon)), "request");
  };
  CHECK(whose({{"command", "whose"}}).size() == 12);
  CHECK(whose({{"command", "whose"}, {"request", "bad id"}}).size() == 12);
  const log::RequestScope scope("ours");
  CHECK(whose({{"command", "whose"}}) == "ours");
}
