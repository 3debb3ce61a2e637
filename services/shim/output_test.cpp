#include "services/shim/output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "common/os/unix_socket.hpp"

using namespace concourse;
using shim::Output;

namespace {

constexpr Output::Patience kNoTime{std::chrono::milliseconds(0), std::chrono::hours(1)};
constexpr auto kForEver = std::chrono::hours(1);

struct Fixture {
  EventLoop loop;
  UniqueFd writer;
  std::unique_ptr<Output> output;

  explicit Fixture(Output::Patience patience = {}) {
    int fds[2];
    std::signal(SIGPIPE, SIG_IGN);  // as the shim does
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    writer.reset(fds[1]);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    output = std::make_unique<Output>(loop, UniqueFd(fds[0]), patience);
  }

  // Fills what holds output on its way: the client's socket, our buffer, the pipe.
  std::string fill() {
    std::string sent;
    const std::string block(4096, 'x');
    for (int full = 0; full < 3;) {
      if (::write(writer.get(), block.data(), block.size()) > 0) sent += block, full = 0;
      else ++full, turn();
    }
    return sent;
  }

  std::string receive_all(const UniqueFd& client) {
    std::string got;
    for (int i = 0; i < 2000 && !at_end(client); ++i) {
      got += receive(client);
      turn();
    }
    return got;
  }

  bool writer_is_refused() {
    char c = 0;
    return ::write(writer.get(), &c, 1) < 0 && errno == EPIPE;
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

TEST_CASE("output: when nobody else holds the pipe, the end comes with the exit") {
  Fixture f({kForEver, kForEver});
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  f.write("the end");
  f.writer.reset();
  bool ended = false;
  f.output->process_exited([&] { ended = true; });
  CHECK(ended);
  CHECK(f.receive(client) == "Hthe end");
  CHECK(f.at_end(client));
}

TEST_CASE("output: what others write after the exit arrives, until the pipe's end") {
  Fixture f({kForEver, kForEver});
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  f.write("now ");
  int ended = 0;
  f.output->process_exited([&] { ++ended; });
  f.write("late ");
  f.write("later");
  CHECK(f.receive(client) == "Hnow late later");
  CHECK_FALSE(f.at_end(client));
  CHECK(ended == 0);
  f.writer.reset();
  f.turn();
  CHECK(f.at_end(client));
  CHECK(ended == 1);
}

TEST_CASE("output: a silence after the exit is the end, whoever still holds the pipe") {
  Fixture f(kNoTime);
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
  CHECK(f.writer_is_refused());
  f.output->remove_reader(reader);
  auto& again = f.output->add_reader(nullptr);
  const auto second = f.connect(again);
  CHECK(f.receive(second) == "H");
  CHECK(f.at_end(second));
}

TEST_CASE("output: one who writes without end is cut off when time is up") {
  Fixture f({kForEver, std::chrono::milliseconds(100)});
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  f.output->process_exited();
  std::string got;
  const std::string block(4096, 'y');
  const auto patience = Deadline::in(std::chrono::seconds(30));
  while (!f.at_end(client) && !patience.passed()) {
    (void)!::write(f.writer.get(), block.data(), block.size());
    got += f.receive(client);
    f.turn();
  }
  CHECK(f.at_end(client));
  CHECK(f.writer_is_refused());
}

TEST_CASE("output: a slow reader gets all that was in the pipe when time was up, and memory stays bounded") {
  Fixture f({std::chrono::milliseconds(1), std::chrono::milliseconds(100)});
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  auto sent = f.fill();
  f.output->process_exited();
  while (!f.writer_is_refused()) f.turn();  // nobody reads meanwhile
  CHECK(f.output->ended());
  CHECK(f.output->buffered() <= 2 * Output::kMaxBuffered);
  const auto got = f.receive_all(client);
  const bool whole = got == "H" + sent;
  CHECK(got.size() == sent.size() + 1);
  CHECK(whole);
}

TEST_CASE("output: what nobody had read when time was up goes to who attaches later") {
  Fixture f({kForEver, std::chrono::milliseconds(0)});
  auto sent = f.fill();
  f.output->process_exited();
  f.turn();
  CHECK(f.writer_is_refused());
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  const auto got = f.receive_all(client);
  const bool whole = got == "H" + sent;
  CHECK(whole);
}

TEST_CASE("output: words of our own don't grow without end while nobody reads") {
  Fixture f;
  f.fill();
  const std::string line(100, '!');
  for (int i = 0; i < 10'000; ++i) f.output->note(line);
  CHECK(f.output->buffered() <= Output::kMaxBuffered + Output::kMaxNotes);
}

TEST_CASE("output: words of our own come behind what a slow client hasn't got yet") {
  Fixture f;
  auto& reader = f.output->add_reader(nullptr);
  const auto client = f.connect(reader);
  const auto sent = f.fill();
  std::string got;
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
