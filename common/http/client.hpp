// Small HTTP calls to another service, over its Unix socket or TCP.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/deadline.hpp"

namespace concourse::http {

// "unix:/run/…/garden.sock", "/run/…/garden.sock" or "127.0.0.1:7777" ("[::1]:7777").
struct Endpoint {
  std::string text;
};

struct Answer {
  int status = 0;
  std::string request;  // its id, by which the server's log has it
  std::string body;
};

// One request on a connection of its own, under the id of the request that this thread works on, else under a new one. `timeout`
// bounds connecting, each read and write, and the arrival of the body; the body may have at most 64 MiB. Throws Error(unavailable)
// when no answer came, with the reason; any status is an answer.
Answer call(const Endpoint& endpoint, const std::string& method, const std::string& target, Duration timeout,
            const std::string& body = "", const std::string& content_type = "application/json");

}  // namespace concourse::http
