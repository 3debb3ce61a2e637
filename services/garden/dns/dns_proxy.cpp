#include "services/garden/dns/dns_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/base/error.hpp"

namespace concourse::garden::dns {

namespace {

UniqueFd bound(int type, const std::string& address, std::uint16_t port) {
  const std::string what = "serve names on " + address + " port " + std::to_string(port);
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw SysError(what);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);  // the address comes with the first container
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &here.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) throw SysError(what);
  if (type == SOCK_STREAM && ::listen(fd.get(), 128) != 0) throw SysError(what);
  return fd;
}

}  // namespace

DnsProxy::DnsProxy(const std::string& address, std::filesystem::path resolv_conf, std::uint16_t port)
    : resolvers_(std::move(resolv_conf)),
      udp_(loop_, bound(SOCK_DGRAM, address, port), resolvers_),
      tcp_(loop_, bound(SOCK_STREAM, address, port), resolvers_),
      thread_([this] { loop_.run(); }) {}

DnsProxy::~DnsProxy() {
  loop_.stop();
  thread_.join();
}

}  // namespace concourse::garden::dns
