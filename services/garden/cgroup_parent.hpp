// Where the cgroups of this worker's containers are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace concourse::garden {

// The path of their parent from the root of each hierarchy: "/concourse-1a2b3c4d", and in front of it, with cgroup v2 and under
// concourse-garden.service, that unit's slice, so that what is set for the slice holds for containers. It can't be the unit's own
// cgroup: one that hands controllers down takes no process, so systemd could not start Garden again beside its containers.
// `own_cgroups`: the text of /proc/self/cgroup.
std::string cgroup_parent(std::uint32_t worker_id, bool unified, std::string_view own_cgroups);

}  // namespace concourse::garden
