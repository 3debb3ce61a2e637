#pragma once

#include "common/http/message.hpp"
#include "services/baggageclaim/api/service.hpp"

namespace concourse::baggageclaim {

void stream_into_volume(Service& service, http::Request& request, http::Reply& reply);
void stream_out_of_volume(Service& service, http::Request& request, http::Reply& reply);

}  // namespace concourse::baggageclaim
