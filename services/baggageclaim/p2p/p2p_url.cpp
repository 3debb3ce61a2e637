#include "services/baggageclaim/p2p/p2p_url.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

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
  for (const auto& address : addresses) {
    if (address.family != family || address.link_local || !re2::RE2::PartialMatch(address.interface_name, name)) continue;
    const auto host = family == 6 ? "[" + address.text + "]" : address.text;
    return "http://" + host + ":" + std::to_string(port);
  }
  throw Error(ErrorKind::unavailable, "failed to get p2p url, network interface list is empty");
}

}  // namespace concourse::baggageclaim
