// The /etc/hosts, /etc/hostname and /etc/resolv.conf of a container.
#pragma once

#include <string>
#include <vector>

namespace concourse::garden {

struct EtcSettings {
  std::vector<std::string> additional_hosts;        // lines "IP name…"
  std::vector<std::string> dns_servers;             // instead of the host's
  std::vector<std::string> additional_dns_servers;  // besides them
};

// The host's address that packets to the outside would carry; empty without a route. Nothing is sent: connecting a datagram
// socket only picks the route.
std::string outgoing_address();

// Throws Error(invalid) for a line that isn't "IP name…".
void check_host_line(const std::string& line);

std::string hosts_text(const std::string& handle, const std::vector<std::string>& addresses, const EtcSettings& settings);

// `others`: lines about the search, as they are.
std::string resolv_conf_text(const std::vector<std::string>& servers, const std::vector<std::string>& others);

}  // namespace concourse::garden
