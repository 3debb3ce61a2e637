// Which capabilities a container gets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concourse::garden {

// The 14 of an unprivileged container, in OCI's names.
const std::vector<std::string>& base_capabilities();

// All that are in `bounding_set`, a bit set as /proc/self/status prints it (CapBnd). A privileged container gets what the
// worker itself has and no more: asking for a capability that the host lacks makes every OCI runtime fail.
std::vector<std::string> capabilities_in(std::uint64_t bounding_set);

// Our own bounding set.
std::uint64_t own_bounding_set();

}  // namespace concourse::garden
