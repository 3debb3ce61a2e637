// The hijacked stream from a client: whatever it sends, however it is cut, the process sees the same, and the stream ends once.
#include <sys/socket.h>

#include <csignal>

#include "common/os/unix_socket.hpp"
#include "common/testing/fuzz.hpp"
#include "common/testing/recorded.hpp"
#include "services/shim/linger.hpp"
#include "services/shim/main_stream.hpp"

namespace {

using namespace concourse;
using concourse::testing::fuzz_check;

constexpr std::size_t kMaxInput = 48 << 10;  // less than a socket takes at once

// What a process would get, as text. Its input is full for a while after each `kRoom` bytes.
class Recorder : public shim::ProcessControls {
 public:
  void input(std::string_view bytes) override {
    add("input " + std::to_string(bytes.size()) + ":" + std::string(bytes));
    queued_ += bytes.size();
  }
  bool input_full() const override { return queued_ >= kRoom; }
  void input_ended() override { add("end of input"); }
  void resize(protocol::garden::WindowSize size) override {
    add("resize " + std::to_string(size.columns) + "x" + std::to_string(size.rows));
  }
  void signal(int number) override {
    fuzz_check(number == SIGTERM || number == SIGKILL, "only TERM and KILL can be asked for");
    add("signal " + std::to_string(number));
  }

  void empty() { queued_ = 0; }
  void close() { closed_ = true; }
  const std::string& text() const { return text_; }

 private:
  static constexpr std::size_t kRoom = 1000;
  void add(const std::string& line) {
    fuzz_check(!closed_, "nothing is asked for after the end");
    text_ += line + "\n";
  }
  std::string text_;
  std::size_t queued_ = 0;
  bool closed_ = false;
};

// What the process gets of `bytes`, the first `leftover` of them behind the request, the rest in pieces of `piece` bytes.
std::string play(std::string_view bytes, std::size_t leftover, std::size_t piece) {
  static EventLoop loop;
  auto [theirs, ours] = os::socket_pair(SOCK_STREAM);
  UniqueFd client = std::move(theirs);
  Recorder process;
  int ends = 0;
  shim::MainStream stream(loop, std::move(ours), "head", bytes.substr(0, leftover), process, [&] {
    ++ends;
    process.close();
    loop.stop();
  });
  bytes.remove_prefix(leftover);
  const auto tick = loop.every(std::chrono::nanoseconds(1), [&] {
    if (process.input_full()) {
      process.empty();
      stream.resume();
    } else if (!bytes.empty()) {
      const auto n = std::min(piece, bytes.size());
      // A stream that broke the protocol is closed from the other side.
      if (::send(client.get(), bytes.data(), n, MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(n)) bytes = {};
      else bytes.remove_prefix(n);
      if (bytes.empty()) ::shutdown(client.get(), SHUT_WR);
    }
  });
  if (bytes.empty()) ::shutdown(client.get(), SHUT_WR);
  loop.run();
  loop.cancel(tick);
  fuzz_check(ends == 1, "a stream ends once");
  client.reset();
  const auto wait = loop.every(std::chrono::nanoseconds(1), [&] {
    if (shim::lingering() == 0) loop.stop();
  });
  loop.run();
  loop.cancel(wait);
  return process.text();
}

}  // namespace

std::vector<std::string> concourse::testing::fuzz_seeds() {
  std::vector<std::string> seeds = {
      R"({"process_id":"p","source":0,"data":"a"}{"process_id":"p","tty":{"window_size":{"columns":120,"rows":40}}})",
      R"({"process_id":"p","signal":0} {"signal":1}{"signal":-1}{"signal":18446744073709551615})",
      R"({"tty":{},"source":0,"data":"both"}{"tty":null,"source":0,"data":null}{"Source":0,"DATA":"}{\"\\"})",
      R"({"source":0,"data":"�\u0000"}{"source":0}{"source":0,"data":"late"})",
      R"({"tty":{"window_size":{"columns":65536,"rows":0}}}{"tty":[[{}]]}{}[1])",
      "{\"source\":0,\"data\":\"" + std::string(3000, 'i') + "\"}{\"source\":0,\"data\":\"behind\"}",
      "GET / HTTP/1.1\r\n\r\n",
      "{\"source\":0,\"data\":\"cut o"};
  for (const auto& request : recorded_requests("garden"))
    if (request.head.starts_with("POST") && request.head.find("/processes ") != std::string::npos)
      seeds.push_back(request.rest.substr(request.rest.find('\n') + 1));
  return seeds;
}

void concourse::testing::fuzz_one(std::string_view input) {
  input = input.substr(0, kMaxInput);
  const auto whole = play(input, 0, kMaxInput);
  fuzz_check(play(input, input.size(), kMaxInput) == whole, "what comes behind the request is obeyed like the rest");
  fuzz_check(play(input, input.size() / 3, 1 + input.size() / 5) == whole, "it doesn't matter how a stream is cut");
}
