#include "services/shim/linger.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace concourse::shim {

namespace {

constexpr auto kReaderPatience = std::chrono::seconds(5);
std::size_t count = 0;

struct Lingering {
  EventLoop& loop;
  UniqueFd connection;
  EventLoop::TimerId timer = 0;

  void close() {
    if (!connection) return;
    loop.cancel(timer);
    loop.unwatch(connection.get());
    connection.reset();
    --count;
  }
};

}  // namespace

void linger(EventLoop& loop, UniqueFd connection) {
  const int fd = connection.get();
  ::shutdown(fd, SHUT_WR);
  auto state = std::make_shared<Lingering>(Lingering{loop, std::move(connection)});
  ++count;
  state->timer = loop.after(kReaderPatience, [state] { state->close(); });
  loop.watch(fd, EPOLLIN, [state, fd](std::uint32_t) {
    char dropped[4096];
    const ssize_t n = ::recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) state->close();
  });
}

std::size_t lingering() { return count; }

}  // namespace concourse::shim
