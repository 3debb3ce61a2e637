// The server's two command lines, as tables:
//
//   as a worker's service  --work-dir DIR and --baggageclaim-* flags, or CONCOURSE_* variables; serves the Unix socket
//                          <runtime-dir>/baggageclaim.sock, and TCP only when asked
//   stand-alone            --volumes DIR and bare flags, the peer's `baggageclaim` program; no environment; serves TCP
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/parser.hpp"
#include "services/baggageclaim/api/service.hpp"
#include "services/baggageclaim/disk_watch.hpp"
#include "services/baggageclaim/drivers/detect.hpp"
#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

struct TcpAddress {
  std::string ip;
  unsigned short port = 0;
};

struct Options {
  bool standalone = false;
  bool convert = false;  // the sub-command convert-to-go: convert the tree and end
  Paths paths{"", ""};
  fs::path garden_control;  // Garden's control socket; empty: no Garden is known to use the volumes
  DriverOptions driver;
  bool user_namespaces = true;
  bool privileged_is_host_root = true;
  std::optional<TcpAddress> tcp;
  bool full_api = false;  // also on addresses that aren't loopback (p2p/p2p_surface.hpp)
  fs::path socket;        // the API's Unix socket; empty: none
  fs::path control_socket;
  P2pOptions p2p;
  StreamLimits limits;
  DiskMarks marks;
  config::Values values;  // as parsed, for the logs
};

// The word `convert-to-go` may stand before the flags of either command line. Throws as config::parse(), and Error(usage) for an
// interface pattern that is no regular expression.
Options parse_options(const std::vector<std::string>& arguments, const config::Environment& environment);

config::Program service_program();
config::Program standalone_program();

}  // namespace concourse::baggageclaim
