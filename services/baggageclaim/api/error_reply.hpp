// What a client is told when a handler throws.
#pragma once

#include <string>
#include <string_view>

#include "common/http/message.hpp"
#include "services/baggageclaim/client_error.hpp"

namespace concourse::baggageclaim {

// The status and text for an error on a route: a ClientError's own, else 500; the text is the route's fixed one, because clients
// know it, and the cause goes to the log. A full disk is named, and what is wrong
// with an archive, so that users see it.
struct Told {
  int status;
  std::string message;
};
Told tell(const Error& error, std::string_view method, std::string_view route);

// The server's ErrorMapper: {"error":"…"}.
void reply_error(const Error& error, const http::Request& request, http::Reply& reply);

}  // namespace concourse::baggageclaim
