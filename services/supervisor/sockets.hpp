// The listening sockets of all services. The supervisor holds them as long as it lives, so a service that is restarted loses
// no connection: it is only answered later.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "services/supervisor/service_spec.hpp"

namespace concourse::supervisor {

// Whether a TCP listener could be made now. Throws the same Error as Sockets::complete when not.
void check_address(const ListenerSpec& spec);

class Sockets {
 public:
  // Takes the sockets that a running service gave us, those that are what `spec` wants; the rest are closed.
  void take_over(const ServiceSpec& spec, std::map<std::string, UniqueFd> listeners);

  // Makes what `spec` wants and isn't there yet. Throws Error: for a port that is taken, with its owner and the flag to change.
  // True if something had to be made.
  bool complete(const ServiceSpec& spec);

  // Names and descriptors, in the spec's order.
  std::vector<std::pair<std::string, int>> of(const ServiceSpec& spec) const;

  // Closes all and removes the Unix sockets' files.
  void remove_all();

 private:
  std::map<std::pair<std::string, std::string>, UniqueFd> sockets_;  // by service and name
  std::vector<std::filesystem::path> files_;
};

}  // namespace concourse::supervisor
