// TCP to a TSA.
#pragma once

#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::ssh {

// Connects to "host:port", trying every address of the name. Name look-up and connecting together take no longer than the deadline.
// The socket is non-blocking and CLOEXEC, sends at once (TCP_NODELAY) and breaks when what was sent has not been acknowledged for
// 30 s. Throws Error(unavailable | timeout | invalid) naming the host.
UniqueFd dial(const std::string& host_port, Deadline deadline);

}  // namespace concourse::ssh
