#include "services/garden/network/rules.hpp"

#include "common/base/error.hpp"
#include "services/garden/network/address_pool.hpp"

namespace concourse::garden {

namespace {

enum Protocol { kAll = 0, kTcp = 1, kUdp = 2, kIcmp = 3 };

Error bad(const std::string& what) { return Error(ErrorKind::invalid, what); }

std::string address_text(const Json& range, const char* key) {
  const auto text = string_field(range, key);
  const auto address = parse_ipv4(text);
  if (!text.empty() && !address) throw bad("'" + text + "' is not an IPv4 address");
  return text;
}

// "192.168.0.1-192.168.0.9"; one end alone is a single address; none is everything.
std::string network_match(const Json& range) {
  const auto start = address_text(range, "start"), end = address_text(range, "end");
  if (start.empty() && end.empty()) return "";
  if (start.empty() || end.empty() || start == end) return " ip daddr " + (start.empty() ? end : start);
  if (*parse_ipv4(start) > *parse_ipv4(end)) throw bad("network range " + start + "-" + end + " is upside down");
  return " ip daddr " + start + "-" + end;
}

std::string port_match(const Json& range, const char* protocol) {
  const auto start = uint_field(range, "start"), end = uint_field(range, "end", start);
  if (start > 65535 || end > 65535 || start > end)
    throw bad("port range " + std::to_string(start) + "-" + std::to_string(end) + " is none");
  return std::string(" ") + protocol + " dport " + std::to_string(start) + (end != start ? "-" + std::to_string(end) : "");
}

std::string icmp_match(const Json& rule) {
  const Json* icmps = find_field(rule, "icmps");
  if (icmps == nullptr) return " ip protocol icmp";
  std::string match = " icmp type " + std::to_string(uint_field(*icmps, "type"));
  if (find_field(*icmps, "code") != nullptr) match += " icmp code " + std::to_string(uint_field(*icmps, "code"));
  return match;
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

std::vector<std::string> netout_matches(const Json& rule, const std::string& handle) {
  if (!rule.is_object()) throw bad("a net-out rule must be an object");
  const auto protocol = uint_field(rule, "protocol");
  if (protocol > kIcmp) throw bad("invalid protocol: " + std::to_string(protocol));
  const auto ports = ranges(rule, "ports"), networks = ranges(rule, "networks");
  if (!ports.empty() && protocol != kTcp && protocol != kUdp)
    throw bad("Ports cannot be specified for Protocol " + std::string(protocol == kAll ? "ALL" : "ICMP"));

  std::vector<std::string> port_parts, network_parts;
  const char* name = protocol == kTcp ? "tcp" : "udp";
  for (const Json& range : ports) port_parts.push_back(port_match(range, name));
  if (port_parts.empty())
    port_parts.push_back(protocol == kAll ? "" : protocol == kIcmp ? icmp_match(rule) : std::string(" ip protocol ") + name);
  for (const Json& range : networks) network_parts.push_back(network_match(range));
  if (network_parts.empty()) network_parts.emplace_back();

  // The kernel's log takes 127 bytes of prefix; the handle's end tells containers apart.
  const auto tail = handle.size() > 28 ? handle.substr(handle.size() - 28) : handle;
  const std::string log = bool_field(rule, "log") ? " ct state new log prefix \"" + tail + " \"" : "";
  std::vector<std::string> matches;
  for (const auto& network : network_parts)
    for (const auto& port : port_parts) {
      const auto match = "meta nfproto ipv4" + network + port;
      if (!log.empty()) matches.push_back(match + log);
      matches.push_back(match + " accept");
    }
  return matches;
}

}  // namespace concourse::garden
