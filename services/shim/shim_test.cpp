#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/protocol/init_spec.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/shim/exit_status.hpp"
#include "services/shim/init_channel.hpp"
#include "services/shim/json_scanner.hpp"
#include "services/shim/stdin_pipe.hpp"

using namespace concourse;

TEST_CASE("json scanner: objects are cut however they arrive") {
  shim::JsonScanner scanner;
  const std::string stream = R"({"a":"}{\"","b":[{}]}{"c":1}  )"
                             "\n"
                             R"({"d":{"e":[]}})";
  std::vector<std::string> got;
  for (const char c : stream) {
    scanner.add({&c, 1});
    while (auto object = scanner.next()) got.push_back(*object);
  }
  CHECK(got == std::vector<std::string>{R"({"a":"}{\"","b":[{}]})", R"({"c":1})", R"({"d":{"e":[]}})"});
}

TEST_CASE("json scanner: what is no object, or too long a one, is an error") {
  shim::JsonScanner not_json;
  not_json.add("GET / HTTP/1.1");
  CHECK_THROWS_AS(not_json.next(), Error);

  shim::JsonScanner endless;
  endless.add("{\"data\":\"" + std::string(shim::JsonScanner::kMaxObject, 'x'));
  CHECK_THROWS_AS(endless.next(), Error);
}

TEST_CASE("process spec: encoded for the init and read back by it") {
  protocol::garden::ProcessSpec spec;
  spec.path = "sh";
  spec.args = {"-c", "true"};
  spec.env = {"B=2", "A=later"};
  spec.dir = "/work";
  spec.user = "nobody";
  spec.tty = protocol::garden::WindowSize{500, 40};
  spec.rlimits = {{"nofile", 64}};
  const auto bytes = shim::encode_spec(spec, {"A=first", "C=3"});

  init_wire::Decoder d(bytes.data(), bytes.size());
  CHECK(d.u32() == init_wire::kVersion);
  CHECK(d.u32() == init_wire::kFlagTty);
  CHECK(d.u16() == 500);
  CHECK(d.u16() == 40);
  CHECK(d.text() == "sh");
  CHECK(d.text() == "/work");
  CHECK(d.text() == "nobody");
  REQUIRE(d.u32() == 2);
  CHECK(d.text() == "-c");
  CHECK(d.text() == "true");
  REQUIRE(d.u32() == 3);
  CHECK(d.text() == "A=later");
  CHECK(d.text() == "C=3");
  CHECK(d.text() == "B=2");
  REQUIRE(d.u32() == 1);
  CHECK(d.u32() == RLIMIT_NOFILE);
  CHECK(d.u64() == 64);
  CHECK(d.ok());
  CHECK(d.at_end());

  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {  // no prefix is taken for a whole
    init_wire::Decoder part(bytes.data(), cut);
    for (int i = 0; i < 64 && part.ok(); ++i) part.text();
    CHECK_FALSE(part.ok());
  }
}

TEST_CASE("process spec: unknown limits and NUL bytes are refused by name") {
  protocol::garden::ProcessSpec spec;
  spec.rlimits = {{"speed", 1}};
  CHECK_THROWS_WITH_AS(shim::encode_spec(spec, {}), "unknown resource limit 'speed'", Error);
  spec.rlimits = {};
  spec.args = {std::string("a\0b", 3)};
  CHECK_THROWS_AS(shim::encode_spec(spec, {}), Error);
}

TEST_CASE("exit statuses survive, whatever the process is called, and a torn record is left out") {
  const testing::TempDir temp;
  const auto& dir = temp.path;
  shim::save_exit_status(dir, "task", 0);
  std::map<std::string, int> statuses = {{"task", 0}};
  for (const std::string id : {"../../etc/x y", "..", ".", ".hidden", "a/b", "%2e", "a\nb"}) statuses[id] = 137;
  statuses[std::string(80, '/')] = 1;  // as long as ids may be
  for (const auto& [id, status] : statuses) shim::save_exit_status(dir, id, status);
  os::replace_file(dir / "exits" / "torn", "{\"id\":");
  CHECK(shim::load_exit_statuses(dir) == statuses);
  CHECK(os::list_directory(dir) == std::vector<std::string>{"exits"});
}

TEST_CASE("stdin: queued when the process doesn't read, and ended after the queue") {
  EventLoop loop;
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  const UniqueFd reader(fds[0]);
  bool room = false;
  shim::StdinPipe in(loop, UniqueFd(fds[1]), [&] { room = true; });
  const std::string big(400'000, 'i');
  in.write(big);
  in.close();
  CHECK(in.full());
  std::string got;
  loop.watch(reader.get(), EPOLLIN, [&](std::uint32_t) {
    char buffer[65536];
    const auto n = ::read(reader.get(), buffer, sizeof buffer);
    if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
    else loop.stop();
  });
  loop.run();
  CHECK(got == big);
  CHECK(room);
}
