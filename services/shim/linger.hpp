// The clean end of a connection: a bare FIN that can't be overtaken by a reset.
#pragma once

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::shim {

// Ends our side and closes the socket once the peer has ended its own, or soon at the latest. What the peer still sends is
// read and dropped: a socket closed with unread input resets, and a reset throws away what is on its way to the peer (for the
// web an end is a reason to attach again, a reset fails the build).
void linger(EventLoop& loop, UniqueFd connection);

// Connections that are still lingering.
std::size_t lingering();

}  // namespace concourse::shim
