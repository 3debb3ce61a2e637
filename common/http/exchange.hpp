// One request and its answer on one connection: the seam between cpp-httplib, which parses heads and prints answers, and us,
// who route, read bodies, stream and hand connections over.
#pragma once

#include "common/http/server.hpp"

namespace concourse::http {

class Exchange {
 public:
  Exchange(std::vector<Route> routes, ErrorMapper on_error, const ServerOptions& options);
  ~Exchange();

  // What is to be done with the connection next. `linger`: the client may still be sending, and closing at once could cost it the
  // answer.
  enum class Next { close, linger, keep, hold };

  // Serves the request whose head has been collected, and logs under its id what it does for it. `last`: the client is told that
  // the connection ends. `hold` is what the handler asked for with the result `hold`; given back to the next call it says that
  // the request was held. Any thread, one connection at a time.
  Next serve_one(FdStream& stream, bool last, Surface surface, std::optional<Hold>& hold);

  // {"POST /containers": Latency::to_json(), …} of the routes that were asked. Any thread.
  Json statistics() const;

 private:
  class Library;
  std::unique_ptr<Library> library_;
};

}  // namespace concourse::http
