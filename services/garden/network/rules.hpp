// What clients may change in a container's network: mapped ports (net-in) and exceptions to denied networks (net-out).
// Formats: docs/protocols/garden.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::garden {

struct PortMapping {
  std::uint16_t host_port = 0, container_port = 0;
};

PortMapping parse_port_mapping(const Json& json);  // throws Error(invalid)
Json to_json(const PortMapping& mapping);

// One NetOutRule as nftables rules: one for each pair of network and ports, none of them empty. One that names no network is for
// IPv4 and IPv6. Throws Error(invalid) for what contradicts itself: ports of a protocol without them, an unknown protocol, an
// address that is none; and without `ipv6` for what is about IPv6 alone.
std::vector<std::string> netout_matches(const Json& rule, const std::string& handle, bool ipv6);

}  // namespace concourse::garden
