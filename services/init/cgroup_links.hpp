// Links that an OCI runtime has left in the container's /sys/fs/cgroup.
#pragma once

namespace concourse::init {

// Takes away those that lead to nothing. crun makes net_cls and net_prio on cgroup v1 whether the host has mounted them or not, and
// a program that makes its own hierarchies there (Docker in a step) fails on them. Where it may not, or there are none, nothing
// happens. Before anything else runs in the container, so that nobody else has put anything there.
void remove_dangling_cgroup_links();

}  // namespace concourse::init
