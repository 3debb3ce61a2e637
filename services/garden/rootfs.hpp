// What has to be true of a root file system before an OCI runtime is let loose on it. The runtimes make and open things in
// there as the host's root, and not all of them look where a link of the image leads them.
#pragma once

#include "services/garden/container_spec.hpp"

namespace concourse::garden {

// Throws Error(invalid) naming the path and what it should be:
//   - /dev, /proc and /sys are directories, or not there: runc makes links in a /dev that leads out of the root
//   - a bind mount's destination, and /etc/hosts, /etc/hostname and /etc/resolv.conf, are directories or files, or not there: the
//     runtimes open a pipe and wait for ever
//   - a destination doesn't lead to what is the container's own (container_spec.cpp), by whatever links
// A root that changes after that is the business of those who can write to the volume; nobody else's container can.
void check_rootfs(const ContainerSpec& spec);

// Whether no volume may be mounted there: the root, /proc and below, /dev, and the init in it. Mounts go on top of each other,
// and a volume in one of these places would decide what pid 1 is, or what the runtime writes to.
bool is_the_containers_own(const std::string& destination);

}  // namespace concourse::garden
