// One question to one service: does it answer with success, and in time?
#pragma once

#include <string>

#include "common/base/deadline.hpp"
#include "common/config/values.hpp"

namespace concourse::healthchecker {

struct Target {
  std::string name;      // the key in the report
  std::string endpoint;  // a socket's path, or host:port
  std::string request;   // what is asked, by GET
};

// Garden's /ping and BaggageClaim's /volumes: the cheapest requests that pass through the whole of each server.
Target garden_target(const config::Values& values);
Target baggageclaim_target(const config::Values& values);

// Empty if the target answered with a 2xx status, else why not. Blocks for about `timeout` at most.
std::string probe(const Target& target, Duration timeout);

}  // namespace concourse::healthchecker
