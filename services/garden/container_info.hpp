// GET /containers/:handle/info.
#pragma once

#include "common/base/json.hpp"
#include "services/garden/container.hpp"

namespace concourse::garden {

// All fields of the format, empty.
Json empty_info();
// `gateway`: the host as the container sees it. A container whose shim doesn't answer is "stopped".
Json container_info(Container& container, std::uint32_t gateway, Deadline deadline);

}  // namespace concourse::garden
