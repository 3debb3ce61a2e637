#include "services/garden/network/rules.hpp"

#include <optional>

#include "common/base/error.hpp"
#include "services/garden/network/address_pool.hpp"
#include "services/garden/network/ipv6.hpp"

namespace concourse::garden {

namespace {

enum Protocol { kAll = 0, kTcp = 1, kUdp = 2, kIcmp = 3, kIcmpv6 = 4 };

Error bad(const std::string& what) { return Error(ErrorKind::invalid, what); }

// One end of a range of networks, in the form nftables knows.
struct End {
  std::string text;
  std::optional<std::uint32_t> v4;
  std::optional<Ipv6Address> v6;
};

End end_field(const Json& range, const char* key, bool ipv6) {
  End end{string_field(range, key), {}, {}};
  if (end.text.empty()) return end;
  end.v4 = parse_ipv4(end.text);
  if (!end.v4) end.v6 = parse_ipv6(end.text);
  if (!end.v4 && !end.v6) throw bad("'" + end.text + "' is not an " + (ipv6 ? "IP" : "IPv4") + " address");
  if (end.v6) end.text = end.v6->text();
  return end;
}

// "ip daddr 192.168.0.1-192.168.0.9 "; one end alone is a single address; none is everything.
std::string network_match(const Json& range, std::uint64_t protocol, bool ipv6) {
  auto start = end_field(range, "start", ipv6), end = end_field(range, "end", ipv6);
  if (start.text.empty()) start = end;
  if (end.text.empty()) end = start;
  if (start.text.empty()) return "";
  const auto text = start.text == end.text ? start.text : start.text + "-" + end.text;
  if (start.v4.has_value() != end.v4.has_value())
    throw bad("network range " + text + " begins with one IP version and ends with another");
  if (start.v6 && !ipv6)
    throw bad("'" + start.text + "' is an IPv6 address, and containers have no IPv6: see --containerd-v6-enable");
  if ((protocol == kIcmp && start.v6) || (protocol == kIcmpv6 && start.v4))
    throw bad("protocol " + std::to_string(protocol) + " does not go to " + text);
  if (end.v4 < start.v4 || end.v6 < start.v6) throw bad("network range " + text + " is upside down");
  return (start.v4 ? "ip daddr " : "ip6 daddr ") + text + " ";
}

std::string port_match(const Json& range, const char* protocol) {
  const auto start = uint_field(range, "start"), end = uint_field(range, "end", start);
  if (start > 65535 || end > 65535 || start > end)
    throw bad("port range " + std::to_string(start) + "-" + std::to_string(end) + " is none");
  return std::string(protocol) + " dport " + std::to_string(start) + (end != start ? "-" + std::to_string(end) : "") + " ";
}

std::string icmp_match(const Json& rule, std::uint64_t protocol) {
  const Json* icmps = find_field(rule, "icmps");
  // Words of nftables' own: other names would be looked up in /etc/protocols, which needn't be there.
  if (icmps == nullptr) return protocol == kIcmp ? "ip protocol icmp " : "meta l4proto icmpv6 ";
  const std::string name = protocol == kIcmp ? "icmp" : "icmpv6";
  std::string match = name + " type " + std::to_string(uint_field(*icmps, "type")) + " ";
  if (find_field(*icmps, "code") != nullptr) match += name + " code " + std::to_string(uint_field(*icmps, "code")) + " ";
  return match;
}

// What rules of the protocol match behind their networks: one entry at least, empty for everything.
std::vector<std::string> port_matches(const Json& rule, std::uint64_t protocol, const std::vector<Json>& ports) {
  if (protocol == kAll) return {""};
  if (protocol == kIcmp || protocol == kIcmpv6) return {icmp_match(rule, protocol)};
  const char* name = protocol == kTcp ? "tcp" : "udp";
  if (ports.empty()) return {std::string("meta l4proto ") + name + " "};
  std::vector<std::string> matches;
  for (const Json& range : ports) matches.push_back(port_match(range, name));
  return matches;
}

std::vector<Json> ranges(const Json& rule, const char* key) {
  const Json* list = find_field(rule, key);
  if (list == nullptr) return {};
  if (!list->is_array()) throw bad(std::string("field '") + key + "' must be an array");
  return {list->begin(), list->end()};
}

}  // namespace

PortMapping parse_port_mapping(const Json& json) {
  const auto port = [&](const char* key) {
    const auto value = uint_field(json, key);
    if (value > 65535) throw bad(std::string("field '") + key + "' is not a port");
    return static_cast<std::uint16_t>(value);
  };
  return {port("host_port"), port("container_port")};
}

Json to_json(const PortMapping& mapping) { return {{"host_port", mapping.host_port}, {"container_port", mapping.container_port}}; }

std::vector<std::string> netout_matches(const Json& rule, const std::string& handle, bool ipv6) {
  if (!rule.is_object()) throw bad("a net-out rule must be an object");
  const auto protocol = uint_field(rule, "protocol");
  if (protocol > kIcmpv6) throw bad("invalid protocol: " + std::to_string(protocol));
  if (protocol == kIcmpv6 && !ipv6) throw bad("protocol 4 is ICMPv6, and containers have no IPv6: see --containerd-v6-enable");
  const auto ports = ranges(rule, "ports"), networks = ranges(rule, "networks");
  if (!ports.empty() && protocol != kTcp && protocol != kUdp)
    throw bad("Ports cannot be specified for Protocol " + std::string(protocol == kAll    ? "ALL"
                                                                      : protocol == kIcmp ? "ICMP"
                                                                                          : "ICMPv6"));

  const auto port_parts = port_matches(rule, protocol, ports);
  std::vector<std::string> network_parts;
  for (const Json& range : networks) network_parts.push_back(network_match(range, protocol, ipv6));
  if (network_parts.empty()) network_parts.emplace_back();

  // The kernel's log takes 127 bytes of prefix; the handle's end tells containers apart.
  const auto tail = handle.size() > 28 ? handle.substr(handle.size() - 28) : handle;
  const std::string log = bool_field(rule, "log") ? "ct state new log prefix \"" + tail + " \"" : "";
  std::vector<std::string> matches;
  for (const auto& network : network_parts)
    for (const auto& port : port_parts) {
      if (!log.empty()) matches.push_back(network + port + log);
      matches.push_back(network + port + "accept");
    }
  return matches;
}

}  // namespace concourse::garden
