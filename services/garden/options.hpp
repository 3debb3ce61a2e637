// Garden's command line: the worker's flags that concern it (common/config/groups.hpp).
#pragma once

#include <string>
#include <vector>

#include "common/config/values.hpp"
#include "services/garden/namespace_owners.hpp"
#include "services/garden/network/etc_files.hpp"
#include "services/garden/network/network.hpp"
#include "services/garden/paths.hpp"
#include "services/garden/spec/oci_spec.hpp"

namespace concourse::garden {

// --garden-request-timeout: the time that one request, or one step of a long one, may take.
struct RequestLimit {
  Duration duration{};
  bool unlimited = false;  // the flag says so; `duration` then ends what would hang for ever
  Deadline deadline() const { return Deadline::in(duration, unlimited ? nullptr : "--garden-request-timeout"); }
};

struct Options {
  Paths paths;
  std::string oci_runtime;  // empty: choose
  std::string programs;     // directory of concourse-shim, -nstar and -init: our own
  std::uint64_t max_containers = 0;
  RequestLimit request_timeout;
  Duration default_grace_time{};
  NetworkSettings network;
  EtcSettings etc;
  bool dns_proxy = false;
  std::optional<OwnerRange> namespace_owners;
  PrivilegedMode privileged_mode = PrivilegedMode::full;
  bool tcp = false;  // also serve on bind_ip:bind_port
  std::string bind_ip;
  unsigned short bind_port = 0;
};

config::Program program();
// Throws Error(usage) for values that only Garden can judge (networks, host lines), naming the flag.
Options parse_options(const config::Values& values);

}  // namespace concourse::garden
