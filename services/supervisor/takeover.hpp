// Finds the services that an earlier supervisor of the same runtime directory left running, and takes them over.
//
// Nothing is remembered on disk: a service of this worker is a process that runs one of its programs as we do (identity.hpp) and
// whose environment names our notify socket. The one that answers `adopt` on the control socket (the kernel says who did) is kept;
// it is given our stdout and stderr, and gives us its listening sockets. Others (a second one, one that hangs) are ended: two
// Gardens on one state would be worse than none.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
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

// By the services' names. Asks all at the same time and ends what can't be taken over at the same time: blocks for a few seconds at
// most, however many there are. Throws Error(conflict) when a service that is not this supervisor's (started by systemd or by hand)
// answers on a control socket.
std::map<std::string, Running> take_over(const std::vector<const ServiceSpec*>& specs);

// Ends services that run although this worker wants none of these programs any longer. Blocks for their stop limit at most.
void end_unwanted(const std::vector<std::filesystem::path>& programs, const std::string& notify_variable);

// Why the running service isn't what a start now would give; empty if it is.
std::string difference(const ServiceSpec& spec, const Running& running);

// The same from what /proc and the service say, for tests.
std::string difference(const ServiceSpec& spec, const std::vector<std::string>& command,
                       const std::vector<std::string>& environment, const std::string& version);

}  // namespace concourse::supervisor
