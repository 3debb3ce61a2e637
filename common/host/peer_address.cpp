#include "common/host/peer_address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>

#include "common/base/error.hpp"

namespace concourse::host {

namespace {

const InterfaceAddress* find(const std::vector<InterfaceAddress>& addresses, const re2::RE2& name, int family) {
  for (const auto& address : addresses)
    if (address.family == family && !address.link_local && re2::RE2::PartialMatch(address.interface_name, name)) return &address;
  return nullptr;
}

// The bytes of an address: 4, or 16.
std::string bytes_of(const std::string& ip) {
  std::string bytes(sizeof(in6_addr), '\0');
  if (inet_pton(AF_INET6, ip.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(sizeof(in_addr));
  return inet_pton(AF_INET, ip.c_str(), bytes.data()) == 1 ? bytes : "";
}

bool is_any(const std::string& ip) { return bytes_of(ip).find_first_not_of('\0') == std::string::npos; }

}  // namespace

bool is_loopback(const std::string& ip) { return ip.starts_with("127.") || bytes_of(ip) == bytes_of("::1"); }

std::vector<InterfaceAddress> interface_addresses() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) throw Error(ErrorKind::internal, "failed to get a list of the system's network interface");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(raw, ::freeifaddrs);
  std::vector<std::pair<unsigned, InterfaceAddress>> found;
  for (const auto* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    InterfaceAddress address;
    address.interface_name = entry->ifa_name;
    char text[INET6_ADDRSTRLEN];
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) continue;
      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
      address.family = 6;
      address.link_local = IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
    } else {
      continue;
    }
    address.text = text;
    found.emplace_back(if_nametoindex(entry->ifa_name), std::move(address));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<InterfaceAddress> addresses;
  for (auto& [index, address] : found) addresses.push_back(std::move(address));
  return addresses;
}

std::string p2p_url(const std::vector<InterfaceAddress>& addresses, const re2::RE2& name, int family, unsigned short port) {
  const auto* address = find(addresses, name, family);
  if (address == nullptr) throw Error(ErrorKind::unavailable, "failed to get p2p url, network interface list is empty");
  return "http://" + (family == 6 ? "[" + address->text + "]" : address->text) + ":" + std::to_string(port);
}

Findings peer_streaming(const config::Values& values, const std::vector<InterfaceAddress>& addresses) {
  const std::string subject = "peer-to-peer", prefix = "baggageclaim-";
  const bool by_flag = values.given(prefix + "p2p-interface-name-pattern") || values.given(prefix + "p2p-interface-family");
  const bool served = values.given(prefix + "bind-ip") || values.given(prefix + "bind-port");
  const auto& ip = values.text(prefix + "bind-ip");
  if (!by_flag && (!served || is_loopback(ip))) return {};
  const auto& pattern = values.text(prefix + "p2p-interface-name-pattern");
  const re2::RE2 name(pattern, re2::RE2::Quiet);
  const int family = values.text(prefix + "p2p-interface-family") == "6" ? 6 : 4;
  const auto* address = name.ok() ? find(addresses, name, family) : nullptr;
  if (address == nullptr)
    return {warning(subject,
                    "no interface whose name matches '" + pattern + "' has an IPv" + std::to_string(family) +
                        " address: peers can't stream to this worker",
                    "CONCOURSE_BAGGAGECLAIM_P2P_INTERFACE_NAME_PATTERN and …_FAMILY choose one; ip address shows them all")};
  const auto url = p2p_url(addresses, name, family, values.port(prefix + "bind-port"));
  if (served && (is_any(ip) || bytes_of(ip) == bytes_of(address->text))) return {ok(subject, "peers are told " + url)};
  return {warning(subject, "peers are told " + url + ", where nobody listens",
                  "CONCOURSE_BAGGAGECLAIM_BIND_IP=0.0.0.0, which is every address of IPv4 and IPv6, or " + address->text)};
}

}  // namespace concourse::host
