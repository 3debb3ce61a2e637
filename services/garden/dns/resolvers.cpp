#include "services/garden/dns/resolvers.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <optional>
#include <sstream>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::garden::dns {

namespace {

std::optional<Resolver> parse(const std::string& text, std::uint16_t port) {
  Resolver resolver;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&resolver.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&resolver.address);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    resolver.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    resolver.size = sizeof *v6;
  } else {
    return std::nullopt;
  }
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
  for (const auto& line : split(os::read_file(file_, 1 << 16).value_or(""), '\n')) {
    std::istringstream words(line);
    std::string keyword, server;
    if (!(words >> keyword >> server) || keyword != "nameserver") continue;
    if (const auto resolver = parse(server, port_)) list_.push_back(*resolver);
  }
  return list_;
}

}  // namespace concourse::garden::dns
