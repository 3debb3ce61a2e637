#include "services/garden/dns/udp_side.hpp"

#include <algorithm>

#include "services/garden/dns/message.hpp"

namespace concourse::garden::dns {

namespace {
constexpr int kQueriesAtOnce = 64;                   // then answers and timers get their turn, however fast a container asks
constexpr auto kPatience = std::chrono::seconds(2);  // for one resolver; libc's own is five for all
}  // namespace

UdpSide::UdpSide(EventLoop& loop, UniqueFd socket, Resolvers& resolvers)
    : loop_(loop), socket_(std::move(socket)), resolvers_(resolvers) {
  loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { receive(); });
}

UdpSide::~UdpSide() {
  loop_.unwatch(socket_.get());
  for (auto& [id, query] : queries_) close_attempt(query);
}

void UdpSide::receive() {
  static thread_local char buffer[kMaxMessage];
  for (int i = 0; i < kQueriesAtOnce; ++i) {
    Query query;
    query.client.size = sizeof query.client.address;
    const auto n = ::recvfrom(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&query.client.address), &query.client.size);
    if (n < 0) return;
    query.message.assign(buffer, static_cast<std::size_t>(n));
    if (!query_id(query.message)) continue;
    if (!may_ask(query.client)) {
      if (const auto failure = server_failure(query.message)) reply(query, *failure);
      continue;
    }
    const auto id = next_id_++;
    queries_.emplace(id, std::move(query));
    ask_next(id);
  }
}

bool UdpSide::may_ask(const Resolver& client) const {
  const auto from_there = [&](const auto& entry) { return same_host(entry.second.client.address, client.address); };
  return queries_.size() < kMaxPending &&
         static_cast<std::size_t>(std::count_if(queries_.begin(), queries_.end(), from_there)) < kMaxPendingOfOne;
}

void UdpSide::ask_next(std::uint64_t id) {
  Query& query = queries_.at(id);
  close_attempt(query);
  const auto& list = resolvers_.list();
  while (query.next_resolver < list.size()) {
    const Resolver& resolver = list[query.next_resolver++];
    query.socket.reset(::socket(resolver.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!query.socket || ::connect(query.socket.get(), reinterpret_cast<const sockaddr*>(&resolver.address), resolver.size) != 0 ||
        ::send(query.socket.get(), query.message.data(), query.message.size(), 0) < 0)
      continue;
    loop_.watch(query.socket.get(), EPOLLIN, [this, id](std::uint32_t) { answered(id); });
    query.timer = loop_.after(kPatience, [this, id] { ask_next(id); });
    return;
  }
  query.socket.reset();
  if (const auto failure = server_failure(query.message)) reply(query, *failure);
  queries_.erase(id);
}

void UdpSide::answered(std::uint64_t id) {
  static thread_local char buffer[kMaxMessage];
  Query& query = queries_.at(id);
  const auto n = ::recv(query.socket.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 2) return ask_next(id);  // refused: nobody listens there
  const std::string answer(buffer, static_cast<std::size_t>(n));
  if (answer.compare(0, 2, query.message, 0, 2) != 0) return;  // not to this question
  reply(query, answer);
  close_attempt(query);
  queries_.erase(id);
}

void UdpSide::close_attempt(Query& query) {
  loop_.cancel(query.timer);
  if (query.timer != 0) loop_.unwatch(query.socket.get());
  query.timer = 0;
  query.socket.reset();
}

void UdpSide::reply(const Query& query, const std::string& message) {
  ::sendto(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&query.client.address), query.client.size);
}

}  // namespace concourse::garden::dns
