#include "services/garden/dns/resolvers.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>
#include <string>

#include "common/host/name_servers.hpp"

namespace concourse::garden::dns {

namespace {

std::optional<Resolver> parse(const std::string& text, std::uint16_t port) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) return std::nullopt;
  Resolver resolver;
  resolver.size = list->ai_addrlen;
  std::memcpy(&resolver.address, list->ai_addr, list->ai_addrlen);
  ::freeaddrinfo(list);
  return resolver;
}

}  // namespace

bool same_host(const sockaddr_storage& a, const sockaddr_storage& b) {
  const auto& one = reinterpret_cast<const sockaddr_in&>(a);
  const auto& other = reinterpret_cast<const sockaddr_in&>(b);
  return one.sin_family == AF_INET && other.sin_family == AF_INET && one.sin_addr.s_addr == other.sin_addr.s_addr;
}

const std::vector<Resolver>& Resolvers::list() {
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(file_, error);
  if (!error && changed == read_at_) return list_;
  read_at_ = changed;
  list_.clear();
  for (const auto& server : host::read_resolv_conf(file_).servers)
    if (const auto resolver = parse(server, port_)) list_.push_back(*resolver);
  return list_;
}

}  // namespace concourse::garden::dns
