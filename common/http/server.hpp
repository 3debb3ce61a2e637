// An HTTP/1.1 server on inherited listening sockets: cpp-httplib parses and answers, and around it stand our own accept
// loop, routing, body reading and connection hand-over (why: docs/decisions/0002-http.md).
//
// Threads: of each listener one acceptor, which collects requests' heads and keeps idle connections and held answers (none of
// which costs a thread), and workers made on demand up to a limit, which go again when idle. Handlers run on workers.
//
// What a client can take is bounded for each listener by itself, so that a flood at one leaves the others alone: connections
// (port.hpp), the memory of heads, workers. Nothing that a client doesn't do holds a worker, but for a body or a stream that has
// begun to move.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/base/unique_fd.hpp"
#include "common/http/message.hpp"

namespace concourse::http {

using Handler = std::function<void(Request&, Reply&)>;

// What a listener offers: all routes, or those marked `everywhere`; a restricted one answers the rest as unknown.
enum class Surface { whole, restricted };

// `pattern`: segments separated by /; a segment that starts with : captures. Exact segment count, first match wins. The
// method "*" and the pattern "*" match every one.
struct Route {
  std::string method;
  std::string pattern;
  Handler handler;
  bool everywhere = false;
};

// Fills the reply for an exception that a handler threw.
using ErrorMapper = std::function<void(const Error& error, const Request& request, Reply& reply)>;

struct ServerOptions {
  std::size_t max_workers = 512;                   // of a listener: requests served at the same time; more wait
  Duration head_limit = std::chrono::seconds(30);  // for a request's head to arrive whole, once begun
  Duration keep_limit = std::chrono::minutes(2);   // for a connection without a request; the TSA's is idle for 90 s
  Duration idle_limit = std::chrono::minutes(5);   // for one read or write of a body to move
  std::uint64_t linger_limit = 64 << 20;           // bytes that are dropped of what a client sends behind its last answer
  std::string continue_header = {};                // "Name: value" that "100 Continue" says to a client that waits for it
  std::size_t max_connections = 0;                 // of a listener; 0: a quarter of the descriptors, and 4096 at most
};

class Server {
 public:
  Server(std::vector<Route> routes, ErrorMapper on_error, ServerOptions options = {});
  ~Server();  // stops, waiting for no request

  // Takes a listening socket. Call before start().
  void add_listener(UniqueFd listener, Surface surface = Surface::whole);
  void start();

  // Stops accepting, closes idle connections and ends what is held, then waits for running requests until the deadline. The
  // listening sockets are closed without shutdown(2), so that another holder keeps them. True if all requests had ended.
  bool stop(Deadline deadline);

  std::size_t requests_running() const;  // not those that are held
  // {"POST /containers": {"count", "failed", "seconds", "buckets"}, …} of the routes that were asked (latency.hpp). Any thread.
  Json statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace concourse::http
