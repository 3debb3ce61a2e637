// The /etc/hosts, /etc/hostname and /etc/resolv.conf of a container.
#pragma once

#include <cstdint>
#include <filesystem>
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

// The host's resolv.conf without what a container can't reach: name servers on 127.0.0.0/8 and ::1 are dropped, other lines are
// kept. If only such ones were there, systemd-resolved's list of real servers is used, else the host's own address.
std::string resolv_conf_for_container(const std::string& host_resolv_conf, const std::string& resolved_resolv_conf,
                                      const std::string& host_address);

// What a container gets: nothing if it is hermetic, the given servers if there are any, else the host's (read from `etc` and
// `run`, "/etc" and "/run" but for tests).
std::string resolv_conf_text(bool hermetic, const EtcSettings& settings, const std::filesystem::path& etc = "/etc",
                             const std::filesystem::path& run = "/run");

}  // namespace concourse::garden
