// Settings of the kernel's network, of this network namespace.
#pragma once

#include <string>

namespace concourse::garden {

// `name` as "ipv4/ip_forward". Throws SysError.
void set_sysctl(const std::string& name, const char* value);

// IPv6 on a link, or "all" or "default". A kernel without IPv6 has it off already.
// Whether programs of this network namespace can be reached at ::1.
bool loopback_has_ipv6();
void switch_ipv6(const std::string& link, bool on);

// The link has the addresses that it is given, at once, and learns none from routers. Besides, with `link_local`, one of its own,
// which a link needs to ask for neighbours on behalf of packets that it forwards.
void ipv6_by_hand(const std::string& link, bool link_local);

// Throws Error(invalid) for an MTU that is too small for IPv6.
void check_ipv6_mtu(int mtu);

// The host forwards IPv6. Throws Error(unavailable) for a kernel without IPv6.
void forward_ipv6();

}  // namespace concourse::garden
