#include "services/garden/dns/tcp_side.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "services/garden/dns/message.hpp"

namespace concourse::garden::dns {

namespace {
constexpr auto kConnectPatience = std::chrono::seconds(2);
constexpr auto kIdle = std::chrono::seconds(15);
constexpr std::size_t kMaxWaiting = 64 << 10;  // bytes one direction may be ahead
}  // namespace

TcpSide::TcpSide(EventLoop& loop, UniqueFd listener, Resolvers& resolvers)
    : loop_(loop), listener_(std::move(listener)), resolvers_(resolvers) {
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_some(); });
}

TcpSide::~TcpSide() {
  if (accepting_) loop_.unwatch(listener_.get());
  while (!connections_.empty()) close(connections_.begin()->first);
}

void TcpSide::accept_some() {
  while (connections_.size() < kMaxConnections) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    UniqueFd client(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    const auto from_there = [&](const auto& entry) { return same_host(entry.second.address, address); };
    if (static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(), from_there)) >= kMaxConnectionsOfOne)
      continue;
    const auto id = next_id_++;
    auto& connection = connections_[id];
    connection.address = address;
    connection.client = std::move(client);
    // Nothing is wanted of it before there is a resolver, but its end is noticed.
    loop_.watch(connection.client.get(), 0, [this, id](std::uint32_t) { pump(id); });
    connect_next(id);
  }
  loop_.unwatch(listener_.get());
  accepting_ = false;
}

void TcpSide::connect_next(std::uint64_t id) {
  auto& connection = connections_.at(id);
  if (connection.resolver) loop_.unwatch(connection.resolver.get());
  const auto& list = resolvers_.list();
  while (connection.next_resolver < list.size()) {
    const Resolver& resolver = list[connection.next_resolver++];
    connection.resolver.reset(::socket(resolver.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!connection.resolver) continue;
    if (::connect(connection.resolver.get(), reinterpret_cast<const sockaddr*>(&resolver.address), resolver.size) != 0 &&
        errno != EINPROGRESS)
      continue;
    loop_.watch(connection.resolver.get(), EPOLLOUT, [this, id](std::uint32_t) { pump(id); });
    restart_timer(id, connection, kConnectPatience);
    return;
  }
  connection.resolver.reset();
  connection.refusing = true;
  loop_.change(connection.client.get(), EPOLLIN);
  restart_timer(id, connection, kConnectPatience);
}

// Reads one query (two bytes of length, then the message), answers SERVFAIL, ends.
void TcpSide::refuse(std::uint64_t id) {
  auto& connection = connections_.at(id);
  auto& text = connection.up.waiting;
  char buffer[4096];
  const auto n = ::recv(connection.client.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return close(id);
  text.append(buffer, static_cast<std::size_t>(n));
  if (text.size() < 2) return;
  const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(text[0])) << 8 | static_cast<unsigned char>(text[1]);
  if (text.size() < size + 2) return;
  if (const auto failure = server_failure(std::string_view(text).substr(2, size))) {
    const std::string framed = {static_cast<char>(failure->size() >> 8), static_cast<char>(failure->size() & 0xff)};
    const auto wire = framed + *failure;
    (void)!::send(connection.client.get(), wire.data(), wire.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  close(id);
}

void TcpSide::pump(std::uint64_t id) {
  auto& connection = connections_.at(id);
  if (connection.refusing) return refuse(id);
  if (!connection.connected) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(connection.resolver.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return connect_next(id);
    connection.connected = true;
  }
  const bool alive = move(connection.client.get(), connection.resolver.get(), connection.up) &&
                     move(connection.resolver.get(), connection.client.get(), connection.down);
  if (!alive || (connection.down.ended && connection.down.waiting.empty())) return close(id);
  update(connection);
  restart_timer(id, connection, kIdle);
}

// Moves what can be moved now. False when an end is broken.
bool TcpSide::move(int from, int to, Flow& flow) {
  char buffer[16384];
  while (!flow.ended && flow.waiting.size() < kMaxWaiting) {
    const auto n = ::recv(from, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    flow.ended = n == 0;
    flow.waiting.append(buffer, static_cast<std::size_t>(n));
  }
  while (!flow.waiting.empty()) {
    const auto n = ::send(to, flow.waiting.data(), flow.waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n < 0) return false;
    flow.waiting.erase(0, static_cast<std::size_t>(n));
  }
  if (flow.ended) ::shutdown(to, SHUT_WR);
  return true;
}

void TcpSide::update(Connection& connection) {
  const auto wanted = [](const Flow& in, const Flow& out) {
    return (!in.ended && in.waiting.size() < kMaxWaiting ? static_cast<std::uint32_t>(EPOLLIN) : 0u) |
           (out.waiting.empty() ? 0u : static_cast<std::uint32_t>(EPOLLOUT));
  };
  loop_.change(connection.client.get(), wanted(connection.up, connection.down));
  loop_.change(connection.resolver.get(), wanted(connection.down, connection.up));
}

void TcpSide::restart_timer(std::uint64_t id, Connection& connection, Duration limit) {
  loop_.cancel(connection.timer);
  connection.timer = loop_.after(limit, [this, id] {
    auto& late = connections_.at(id);
    if (late.connected || late.refusing) close(id);
    else connect_next(id);
  });
}

void TcpSide::close(std::uint64_t id) {
  auto& connection = connections_.at(id);
  loop_.cancel(connection.timer);
  loop_.unwatch(connection.client.get());
  if (connection.resolver) loop_.unwatch(connection.resolver.get());
  connections_.erase(id);
  if (!accepting_) {
    accepting_ = true;
    loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_some(); });
  }
}

}  // namespace concourse::garden::dns
