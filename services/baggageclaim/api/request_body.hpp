#pragma once

#include <string>

#include "common/http/message.hpp"
#include "services/baggageclaim/client_error.hpp"

namespace concourse::baggageclaim {

// The request's body, decoded by `parse`; what is wrong with it is the client's fault: 400.
template <typename Parse>
auto decode_body(http::Request& request, Parse parse) {
  try {
    return parse(request.body());
  } catch (const Error& e) {
    throw bad_request(e.what());
  }
}

}  // namespace concourse::baggageclaim
