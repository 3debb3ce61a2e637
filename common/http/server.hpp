// An HTTP/1.1 server on inherited listening sockets: cpp-httplib parses and answers, and around it stand our own accept
// loop, routing, body reading and connection hand-over (why: docs/decisions/0002-http.md).
//
// Threads: one acceptor, which also parks idle keep-alive connections (an idle client costs no thread), and workers made on
// demand up to a limit, which go again when idle. Handlers run on workers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/base/unique_fd.hpp"
#include "common/http/message.hpp"

namespace concourse::http {

using Handler = std::function<void(Request&, Reply&)>;

// `pattern`: segments separated by /; a segment that starts with : captures. Exact segment count, first match wins. The
// method "*" and the pattern "*" match every one.
struct Route {
  std::string method;
  std::string pattern;
  Handler handler;
};

// Fills the reply for an exception that a handler threw.
using ErrorMapper = std::function<void(const Error& error, const Request& request, Reply& reply)>;

struct ServerOptions {
  std::size_t max_workers = 512;                   // connections served at the same time; more wait
  Duration head_limit = std::chrono::seconds(30);  // for a request's head to arrive, once begun
  Duration idle_limit = std::chrono::minutes(5);   // for one read or write of a body to move
  std::uint64_t drain_limit = 64 << 20;            // bytes of an unread body that are dropped to keep the connection usable
};

class Server {
 public:
  Server(std::vector<Route> routes, ErrorMapper on_error, ServerOptions options = {});
  ~Server();  // stops, waiting for no request

  // Takes a listening socket. Call before start().
  void add_listener(UniqueFd listener);
  void start();

  // Stops accepting and closes idle connections, then waits for running requests until the deadline. The listening sockets
  // are closed without shutdown(2), so that another holder keeps them. True if all requests had ended.
  bool stop(Deadline deadline);

  std::size_t requests_running() const;
  // {"POST /containers": {"count", "failed", "seconds", "buckets"}, …} of the routes that were asked (latency.hpp). Any thread.
  Json statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace concourse::http
