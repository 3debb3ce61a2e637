// GET /containers/:handle/metrics and /capacity, with guardian's fields and meaning.
#pragma once

#include "common/base/json.hpp"
#include "common/os/cgroup.hpp"
#include "services/garden/container.hpp"
#include "services/garden/options.hpp"

namespace concourse::garden {

Json empty_metrics();
Json container_metrics(const Container& container, const os::Cgroup& cgroup);

// `addresses`: how many containers the network pool has room for.
Json capacity(const Options& options, std::uint64_t addresses);

}  // namespace concourse::garden
