// The system calls that an unprivileged container may make.
#pragma once

#include "common/base/json.hpp"

namespace concourse::garden {

// OCI's linux.seccomp: every call of this architecture but those that reach beyond a container. One that libseccomp doesn't
// know, or that is newer than our review, is refused with EPERM. Equal in effect to the default profile of containerd and moby as
// the Go worker has it; docs/isolation.md compares call by call.
Json default_seccomp();

// The same for privileged containers in the fuse-only mode: mounting and namespaces are allowed too.
Json fuse_seccomp();

// The same profile without btrfs' calls for subvolumes and snapshots: each would have a quota of its own.
Json without_subvolumes(Json profile);

}  // namespace concourse::garden
