#pragma once

#include "common/http/message.hpp"
#include "services/baggageclaim/api/service.hpp"

namespace concourse::baggageclaim {

void get_p2p_url(Service& service, http::Request& request, http::Reply& reply);
void stream_to_peer(Service& service, http::Request& request, http::Reply& reply);

}  // namespace concourse::baggageclaim
