// The route table of the volume API. Handlers, by subject: volume_routes, creation_routes, stream_routes, p2p_routes.
#pragma once

#include <vector>

#include "common/http/server.hpp"
#include "services/baggageclaim/api/service.hpp"

namespace concourse::baggageclaim {

// `service` must outlive the server.
std::vector<http::Route> routes(Service& service);

}  // namespace concourse::baggageclaim
