// The address under which other workers reach this one's volume API.
#pragma once

#include <re2/re2.h>

#include <string>
#include <vector>

#include "common/config/values.hpp"
#include "common/host/finding.hpp"

namespace concourse::host {

struct InterfaceAddress {
  std::string interface_name;
  std::string text;  // "10.0.0.1", "fd00::1"
  int family = 4;    // 4 or 6
  bool link_local = false;
};

// All addresses of this machine: interfaces in the kernel's order, and each one's addresses in the kernel's.
std::vector<InterfaceAddress> interface_addresses();

// Whether only this machine reaches what listens on this IPv4 or IPv6 address.
bool is_loopback(const std::string& ip);

// "http://ADDRESS:PORT" with the first address of the family on an interface in whose name the pattern is found (RE2, the syntax
// of the Go worker's patterns); IPv6 in brackets. Addresses that only mean something on one link are no use to others. Throws Error
// with the peer's text if there is none.
std::string p2p_url(const std::vector<InterfaceAddress>& addresses, const re2::RE2& name, int family, unsigned short port);

// Whether BaggageClaim listens on the address that it tells others. `values` have the group Baggageclaim Configuration. Nothing if
// they don't ask for peer-to-peer streaming: neither by a flag for it nor by listening on an address that others can reach.
Findings peer_streaming(const config::Values& values, const std::vector<InterfaceAddress>& addresses);

}  // namespace concourse::host
