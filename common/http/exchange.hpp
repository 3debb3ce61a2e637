// One request and its answer on one connection: the seam between cpp-httplib, which parses heads and prints answers, and us,
// who route, read bodies, stream and hand connections over.
#pragma once

#include "common/http/server.hpp"

namespace concourse::http {

class Exchange {
 public:
  Exchange(std::vector<Route> routes, ErrorMapper on_error, const ServerOptions& options);
  ~Exchange();

  // Serves the next request, and logs under its id what it does for it. False when the connection is done with (closed, broken or
  // handed over). Any thread, one connection at a time.
  bool serve_one(FdStream& stream, bool last);

  // {"POST /containers": Latency::to_json(), …} of the routes that were asked. Any thread.
  Json statistics() const;

 private:
  class Library;
  std::unique_ptr<Library> library_;
};

}  // namespace concourse::http
