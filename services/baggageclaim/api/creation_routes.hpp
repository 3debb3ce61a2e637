#pragma once

#include "common/http/message.hpp"
#include "services/baggageclaim/api/service.hpp"

namespace concourse::baggageclaim {

void create_volume(Service& service, http::Request& request, http::Reply& reply);
// The asynchronous way, which the ATC takes: start, poll, forget.
void create_volume_async(Service& service, http::Request& request, http::Reply& reply);
void poll_creation(Service& service, http::Request& request, http::Reply& reply);
void forget_creation(Service& service, http::Request& request, http::Reply& reply);

// Before the first request: goes on with the creations that an earlier process was asked for.
void resume_creations(Service& service);

}  // namespace concourse::baggageclaim
