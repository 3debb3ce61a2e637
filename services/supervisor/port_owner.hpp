// Who listens on a TCP port, for the error line when it is taken.
#pragma once

#include <optional>
#include <string>

namespace concourse::supervisor {

// "process 4711 (nginx)"; process 1, which keeps sockets for services, only if nobody else has it. Nothing when nobody is found
// (another network namespace, or the owner has gone meanwhile).
std::optional<std::string> port_owner(unsigned short port);

}  // namespace concourse::supervisor
