#include "services/shim/output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "common/os/unix_socket.hpp"

using namespace concourse;
using shim::Output;

namespace {

struct Fixture {
  EventLoop loop;
  UniqueFd writer;
  std::unique_ptr<Output> output;

  Fixture() {
    int fds[2];
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    writer.reset(fds[1]);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    output = std::make_unique<Output>(loop, UniqueFd(fds[0]));
  }

  void turn() {  // lets everything happen that can happen now
    loop.after(std::chrono::milliseconds(20), [this] { loop.stop(); });
    loop.run();
  }

  void write(const std::string& text) {
    CHECK(::write(writer.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    turn();
  }

  UniqueFd connect(Output::Reader& reader) {
    auto [client, server] = os::socket_pair(SOCK_STREAM);
    CHECK(output->connect(reader, server, "H"));
    turn();
    return std::move(client);
  }

  std::string receive(const UniqueFd& client) {
    std::string all;
    char buffer[65536];
    for (ssize_t n = 0; (n = ::recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    return all;
  }

  bool at_end(const UniqueFd& client) {
    char c = 0;
    return ::recv(client.get(), &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }
};

}  // namespace

TEST_CASE("output: a reader that comes late gets what nobody has got") {
  Fixture f;
  f.write("early ");
  auto& reader = f.output->add_reader(nullptr);
  f.write("more ");
  const auto client = f.connect(reader);
  CHECK(f.receive(client) == "Hearly more ");
  f.write("last");
  CHECK(f.receive(client) == "last");
}

TEST_CASE("output: what one reader has got is not given to the next") {
  Fixture f;
  auto& first = f.output->add_reader(nullptr);
  {
    const auto client = f.connect(first);
    f.write("one ");
    CHECK(f.receive(client) == "Hone ");
  }
  f.turn();
  f.output->remove_reader(first);
  f.write("two ");
  auto& second = f.output->add_reader(nullptr);
  CHECK(f.receive(f.connect(second)) == "Htwo ");
}

TEST_CASE("output: every reader gets everything from when it attached") {
  Fixture f;
  auto& a = f.output->add_reader(nullptr);
  const auto client_a = f.connect(a);
  f.write("1");
  auto& b = f.output->add_reader(nullptr);
  f.write("2");
  const auto client_b = f.connect(b);
  f.write("3");
  CHECK(f.receive(client_a) == "H123");
  CHECK(f.receive(client_b) == "H23");
}

TEST_CASE("output: memory stays bounded when a reader stops, and nothing is lost when it goes on") {
  Fixture f;
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  std::string sent, got;
  const std::string block(4000, 'x');  // under PIPE_BUF: written whole or not at all
  bool stuck = false;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = std::to_string(i) + block;
    if (::write(f.writer.get(), piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) {
      stuck = true;  // the pipe is full: the process would wait here
      break;
    }
    sent += piece;
    if (i % 8 == 0) f.turn();
  }
  CHECK(stuck);
  CHECK(sent.size() < 3 * Output::kMaxBuffered);
  f.writer.reset();
  f.output->process_exited();
  while (!f.at_end(client) && got.size() <= sent.size() + 1) {
    got += f.receive(client);
    f.turn();
  }
  const bool whole = got == "H" + sent;
  CHECK(got.size() == sent.size() + 1);
  CHECK(whole);
}

TEST_CASE("output: after the exit readers get the rest and a clean end, whatever background children still hold the pipe") {
  Fixture f;
  bool closed = false;
  auto& reader = f.output->add_reader([&] { closed = true; });
  f.write("the end");
  f.output->process_exited();  // the writer is still open
  const auto client = f.connect(reader);
  CHECK(f.receive(client) == "Hthe end");
  CHECK(f.at_end(client));
  f.turn();
  CHECK(closed);
  CHECK(f.output->ended());
  f.output->remove_reader(reader);
  auto& again = f.output->add_reader(nullptr);
  const auto second = f.connect(again);
  CHECK(f.receive(second) == "H");
  CHECK(f.at_end(second));
}

TEST_CASE("output: words of our own come behind what a slow client hasn't got yet") {
  Fixture f;
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  std::string sent, got;
  const std::string block(4096, 'x');
  while (::write(f.writer.get(), block.data(), block.size()) > 0) {
    sent += block;
    if (sent.size() % (8 * block.size()) == 0) f.turn();
  }
  f.output->note("note");
  f.writer.reset();
  f.output->process_exited();
  while (!f.at_end(client) && got.size() <= sent.size() + 5) {
    got += f.receive(client);
    f.turn();
  }
  CHECK(got == "H" + sent + "note");
}

TEST_CASE("output: a client that goes away is noticed at once and stops nobody else") {
  Fixture f;
  bool closed = false;
  auto& a = f.output->add_reader([&] { closed = true; });
  auto& b = f.output->add_reader(nullptr);
  auto client_a = f.connect(a);
  const auto client_b = f.connect(b);
  client_a.reset();
  f.turn();
  CHECK(closed);
  f.write("on");
  CHECK(f.receive(client_b) == "Hon");
}

TEST_CASE("output: a second client for the same reader keeps its connection") {
  Fixture f;
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  auto [other, server] = os::socket_pair(SOCK_STREAM);
  CHECK_FALSE(f.output->connect(reader, server, "H"));
  CHECK(server);
}
