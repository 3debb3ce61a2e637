// Queries by UDP: each is sent to one resolver after the other until one answers.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"
#include "services/garden/dns/resolvers.hpp"

namespace concourse::garden::dns {

class UdpSide {
 public:
  // Queries under way, of all containers and of one; more are answered with SERVFAIL at once.
  static constexpr std::size_t kMaxPending = 1000, kMaxPendingOfOne = 250;

  UdpSide(EventLoop& loop, UniqueFd socket, Resolvers& resolvers);
  ~UdpSide();

 private:
  struct Query {
    Resolver client;
    std::string message;
    std::size_t next_resolver = 0;
    UniqueFd socket;  // to the resolver being asked
    EventLoop::TimerId timer = 0;
  };

  void receive();
  bool may_ask(const Resolver& client) const;
  void ask_next(std::uint64_t id);
  void answered(std::uint64_t id);
  void close_attempt(Query& query);
  void reply(const Query& query, const std::string& message);

  EventLoop& loop_;
  UniqueFd socket_;
  Resolvers& resolvers_;
  std::unordered_map<std::uint64_t, Query> queries_;
  std::uint64_t next_id_ = 1;
};

}  // namespace concourse::garden::dns
