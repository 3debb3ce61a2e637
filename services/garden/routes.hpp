// The Garden API. docs/protocols/garden.md describes every route; this is the table and the handlers.
#pragma once

#include <vector>

#include "common/http/server.hpp"
#include "services/garden/container_store.hpp"

namespace concourse::garden {

// All of what the handlers use; outlives the server.
struct Api {
  ContainerStore& store;
  const Options& options;
  const Network& network;
  const Runtime& runtime;
};

std::vector<http::Route> routes(const Api& api);

}  // namespace concourse::garden
