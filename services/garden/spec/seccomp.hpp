// The system calls that an unprivileged container may make.
#pragma once

#include "common/base/json.hpp"

namespace concourse::garden {

// OCI's linux.seccomp: every call that libseccomp knows on this architecture but those that reach beyond a container; an
// unknown one (newer than libseccomp) is refused with EPERM, as the well-kept profiles do. docs/isolation.md compares.
Json default_seccomp();

// The same for privileged containers in the fuse-only mode: mounting and namespaces are allowed too.
Json fuse_seccomp();

}  // namespace concourse::garden
