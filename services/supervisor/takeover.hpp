// Finds the services that an earlier supervisor of the same runtime directory left running, and takes them over.
//
// Nothing is remembered on disk: a service of this worker is a process of the right name whose environment names our notify
// socket. The one that answers `adopt` on the control socket is kept; it is given our stdout and stderr, and gives us its
// listening sockets. Others (a second one, one that hangs) are ended: two Gardens on one state would be worse than none.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "services/supervisor/service_spec.hpp"

namespace concourse::supervisor {

struct Running {
  pid_t pid = 0;
  bool ready = false;
  std::string version;
  std::map<std::string, UniqueFd> listeners;
};

// Blocks for a few seconds at most. Throws Error(conflict) when a service that is not this supervisor's (started by systemd or
// by hand) answers on the control socket.
std::optional<Running> take_over(const ServiceSpec& spec);

// Ends a service that runs although this worker wants none of that name any longer. Blocks for its stop limit at most.
void end_unwanted(const std::string& name, const std::string& notify_variable);

// Why the running service isn't what a start now would give; empty if it is.
std::string difference(const ServiceSpec& spec, const Running& running);

// The same from what /proc and the service say, for tests.
std::string difference(const ServiceSpec& spec, const std::vector<std::string>& command,
                       const std::vector<std::string>& environment, const std::string& version);

}  // namespace concourse::supervisor
