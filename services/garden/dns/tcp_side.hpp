// Queries by TCP: a connection is passed through to the first resolver that takes one; if none does, its first query is answered
// with SERVFAIL.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"
#include "services/garden/dns/resolvers.hpp"

namespace concourse::garden::dns {

class TcpSide {
 public:
  static constexpr std::size_t kMaxConnections = 200;      // more wait to be accepted
  static constexpr std::size_t kMaxConnectionsOfOne = 50;  // container; more are closed

  TcpSide(EventLoop& loop, UniqueFd listener, Resolvers& resolvers);
  ~TcpSide();

 private:
  // One of the two directions of a connection.
  struct Flow {
    std::string waiting;  // read, not yet written
    bool ended = false;
  };
  struct Connection {
    sockaddr_storage address{};  // the client's
    UniqueFd client, resolver;
    std::size_t next_resolver = 0;
    bool connected = false;
    bool refusing = false;  // no resolver: read the query to answer it
    Flow up, down;
    EventLoop::TimerId timer = 0;
  };

  void accept_some();
  void connect_next(std::uint64_t id);
  void refuse(std::uint64_t id);
  void pump(std::uint64_t id);
  static bool move(int from, int to, Flow& flow);
  void update(Connection& connection);
  void restart_timer(std::uint64_t id, Connection& connection, Duration limit);
  void close(std::uint64_t id);

  EventLoop& loop_;
  UniqueFd listener_;
  Resolvers& resolvers_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::uint64_t next_id_ = 1;
  bool accepting_ = true;
};

}  // namespace concourse::garden::dns
