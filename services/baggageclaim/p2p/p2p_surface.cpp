#include "services/baggageclaim/p2p/p2p_surface.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

namespace {

bool is_local(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw SysError("read a listening socket's address");
  const auto is_loopback_v4 = [](const unsigned char* bytes) { return bytes[0] == IN_LOOPBACKNET; };
  if (address.ss_family == AF_UNIX) return true;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return is_loopback_v4(reinterpret_cast<const unsigned char*>(&v4.sin_addr));
  }
  if (address.ss_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && is_loopback_v4(v6.s6_addr + 12));
}

}  // namespace

http::Surface surface_of(int listener, bool full_api) {
  return full_api || is_local(listener) ? http::Surface::whole : http::Surface::restricted;
}

}  // namespace concourse::baggageclaim
