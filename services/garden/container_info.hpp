// GET /containers/:handle/info.
#pragma once

#include "common/base/json.hpp"
#include "services/garden/container.hpp"

namespace concourse::garden {

// All fields of the format, empty.
Json empty_info();
// A container whose shim doesn't answer is "stopped".
Json container_info(Container& container, const Network& network, Deadline deadline);

}  // namespace concourse::garden
