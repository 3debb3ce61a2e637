// What Garden needs of the machine beyond its settings.
#pragma once

#include "common/host/finding.hpp"
#include "common/host/kernel.hpp"
#include "services/garden/container_spec.hpp"
#include "services/garden/options.hpp"

namespace concourse::garden {

// User namespaces, cgroups, swap, name servers. Starts a child process.
host::Findings host_findings(const Options& options);

// Throws Error(unavailable) naming the limit and the cgroup controller that is missing for it.
void check_limits(const Limits& limits, const host::Cgroups& cgroups = {});

}  // namespace concourse::garden
