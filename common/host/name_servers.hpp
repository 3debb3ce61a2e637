// The host's name servers as containers can use them. Format: resolv.conf(5).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/host/finding.hpp"

namespace concourse::host {

struct ResolvConf {
  std::vector<std::string> servers;  // addresses, an IPv6 one perhaps with "%interface"
  std::vector<std::string> others;   // the lines search, domain, options and sortlist, as they are
  std::string problem;               // why the file can't be read; empty if it could be
};

// What is no line of that format is left out.
ResolvConf parse_resolv_conf(std::string_view text);
// A file that isn't there, is none or is larger than 64 KiB has no lines and a problem. Throws nothing.
ResolvConf read_resolv_conf(const std::filesystem::path& file);

// What containers can reach.
struct Reach {
  bool ipv6 = false;
  bool host = false;                       // --garden-allow-host-access
  std::vector<std::string> own_addresses;  // of this machine
};
std::vector<std::string> own_addresses();
// Not the loopback, not a link's own address, not this machine's unless it is open, IPv6 only if there is some.
bool can_reach(const Reach& reach, const std::string& server);

// Where a container's name servers come from.
struct NameServers {
  std::vector<std::string> servers;      // that it can reach; none: it needs the proxy
  std::vector<std::string> unreachable;  // the host's, if `servers` are not among them
  std::vector<std::string> others;       // lines for its resolv.conf
  std::string problem;
};

// Those of `etc`/resolv.conf, or, if it has none that can be reached, those that systemd-resolved asks (`run`/systemd/resolve).
NameServers name_servers(const Reach& reach, const std::filesystem::path& etc = "/etc", const std::filesystem::path& run = "/run");

// `given`: --garden-dns-server says which. `proxy`: --garden-dns-proxy-enable.
Finding judge(const NameServers& found, bool given, bool proxy);

}  // namespace concourse::host
