// The device nodes and device cgroup rules of a container, in OCI's form.
#pragma once

#include "common/base/json.hpp"

namespace concourse::garden {

// Deny everything, then: make any node; use null, zero, full, random, urandom, tty, ptmx, terminals and tun; and fuse where it
// is given.
Json device_rules(bool with_fuse);

// The node /dev/fuse.
Json fuse_device();

}  // namespace concourse::garden
