// What a listener of the volume API offers to those who reach it. The API has no authentication, and all of it together is root on
// this machine.
#pragma once

#include "common/http/server.hpp"

namespace concourse::baggageclaim {

// Everything on Unix sockets and on loopback addresses, and elsewhere if `full_api`; else what other workers need. Any other
// address is one that is given for peer-to-peer streaming. Asks the socket itself, which may have been inherited. Throws SysError.
http::Surface surface_of(int listener, bool full_api);

}  // namespace concourse::baggageclaim
