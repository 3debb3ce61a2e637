#include "services/shim/main_stream.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <csignal>

#include "common/base/error.hpp"
#include "services/shim/linger.hpp"

namespace concourse::shim {

MainStream::MainStream(EventLoop& loop, UniqueFd connection, std::string head, std::string_view leftover, ProcessControls& process,
                       std::function<void()> on_gone)
    : loop_(loop), connection_(std::move(connection)), process_(process), on_gone_(std::move(on_gone)), out_(std::move(head)) {
  scanner_.add(leftover);
  loop_.watch(connection_.get(), EPOLLIN, [this](std::uint32_t events) { on_event(events); });
  flush();
  // What came early is obeyed like the rest, from the loop, when our owner is complete.
  if (connection_ && !leftover.empty()) loop_.change(connection_.get(), EPOLLIN | EPOLLOUT);
}

MainStream::~MainStream() {
  if (connection_) {
    loop_.unwatch(connection_.get());
    linger(loop_, std::move(connection_));
  }
}

void MainStream::on_event(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) return gone();
  if ((events & EPOLLOUT) != 0) flush();
  // After a hang-up nothing more will come: take what is there, whether or not the process reads just now.
  if (connection_ && !finishing_) read((events & EPOLLHUP) != 0);
}

void MainStream::read(bool to_the_end) {
  try {
    char bytes[16384];
    while (to_the_end || !process_.input_full()) {
      while (const auto object = scanner_.next()) obey(*object);
      if (!to_the_end && process_.input_full()) break;
      const ssize_t n = ::recv(connection_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) return gone();
      scanner_.add({bytes, static_cast<std::size_t>(n)});
    }
  } catch (const std::exception&) {
    return gone();  // as for a client that went away: the process goes on
  }
  update();
}

// Several keys in one message: the window, then input, then the signal, as the peers do.
void MainStream::obey(const std::string& text) {
  const Json message = parse_json(text);
  if (const Json* tty = find_field(message, "tty"))
    if (const auto size = protocol::garden::window_size(*tty)) return process_.resize(*size);
  if (find_field(message, "source") != nullptr) {
    if (find_field(message, "data") != nullptr) process_.input(string_field(message, "data"));
    else process_.input_ended();
    return;
  }
  if (find_field(message, "signal") != nullptr) {
    const auto number = int_field(message, "signal");
    if (number == 0) process_.signal(SIGTERM);
    if (number == 1) process_.signal(SIGKILL);
  }
}

void MainStream::flush() {
  while (!out_.empty()) {
    const ssize_t n = ::send(connection_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return gone();
    out_.erase(0, static_cast<std::size_t>(n));
  }
  update();
  if (finishing_ && out_.empty() && connection_) {
    loop_.unwatch(connection_.get());
    linger(loop_, std::move(connection_));
  }
}

void MainStream::update() {
  if (!connection_) return;
  const std::uint32_t in = finishing_ || process_.input_full() ? 0u : static_cast<std::uint32_t>(EPOLLIN);
  loop_.change(connection_.get(), in | (out_.empty() ? 0u : static_cast<std::uint32_t>(EPOLLOUT)));
}

void MainStream::resume() {
  if (connection_ && !finishing_) read(false);
}

void MainStream::finish(const std::string& message) {
  finishing_ = true;
  on_gone_ = nullptr;
  out_ += message;
  if (connection_) flush();
}

void MainStream::gone() {
  if (connection_) {
    loop_.unwatch(connection_.get());
    linger(loop_, std::move(connection_));
  }
  if (on_gone_) loop_.post(std::exchange(on_gone_, nullptr));
}

}  // namespace concourse::shim
