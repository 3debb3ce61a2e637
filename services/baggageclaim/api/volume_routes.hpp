#pragma once

#include "common/http/message.hpp"
#include "services/baggageclaim/api/service.hpp"

namespace concourse::baggageclaim {

void list_volumes(Service& service, http::Request& request, http::Reply& reply);
void get_volume(Service& service, http::Request& request, http::Reply& reply);
void set_property(Service& service, http::Request& request, http::Reply& reply);
void get_privileged(Service& service, http::Request& request, http::Reply& reply);
void set_privileged(Service& service, http::Request& request, http::Reply& reply);
void destroy_volume(Service& service, http::Request& request, http::Reply& reply);
void destroy_volumes(Service& service, http::Request& request, http::Reply& reply);
void cleanup_orphans(Service& service, http::Request& request, http::Reply& reply);

}  // namespace concourse::baggageclaim
