#include "common/daemon/listeners.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/notify.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::daemon {

namespace {
constexpr int kFirstInherited = 3;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  sockaddr_in* v4() { return reinterpret_cast<sockaddr_in*>(&storage); }
  sockaddr_in6* v6() { return reinterpret_cast<sockaddr_in6*>(&storage); }
  int family() const { return storage.ss_family; }
  unsigned short port() { return ntohs(family() == AF_INET6 ? v6()->sin6_port : v4()->sin_port); }
  std::string bytes() {
    if (family() == AF_INET6) return {reinterpret_cast<const char*>(&v6()->sin6_addr), sizeof(in6_addr)};
    return {reinterpret_cast<const char*>(&v4()->sin_addr), sizeof(in_addr)};
  }
  bool is_any() { return bytes().find_first_not_of('\0') == std::string::npos; }
};

std::optional<Address> parse_address(const std::string& ip, unsigned short port) {
  Address address;
  if (inet_pton(AF_INET, ip.c_str(), &address.v4()->sin_addr) == 1) {
    address.v4()->sin_family = AF_INET;
    address.v4()->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, ip.c_str(), &address.v6()->sin6_addr) == 1) {
    address.v6()->sin6_family = AF_INET6;
    address.v6()->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  return address;
}

bool has_ipv6() { return static_cast<bool>(UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0))); }

}  // namespace

Listeners Listeners::inherit() {
  Listeners listeners;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  const char* names = std::getenv("LISTEN_FDNAMES");
  if (pid != nullptr && count != nullptr && parse_u64(pid) == static_cast<std::uint64_t>(getpid())) {
    const auto n = parse_u64(count).value_or(0);
    auto named = split(names != nullptr ? names : "", ':');
    named.resize(n, "unknown");
    for (std::size_t i = 0; i < n; ++i) {
      const int fd = kFirstInherited + static_cast<int>(i);
      if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) throw SysError("take inherited socket " + named[i]);
      listeners.fds_[named[i]] = UniqueFd(fd);
    }
  }
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(variable);
  return listeners;
}

std::optional<UniqueFd> Listeners::take_inherited(const std::string& name) {
  const auto found = fds_.find(name);
  if (found == fds_.end()) return std::nullopt;
  auto fd = std::move(found->second);
  fds_.erase(found);
  return fd;
}

UniqueFd Listeners::take(const std::string& name, const std::filesystem::path& path) {
  if (auto inherited = take_inherited(name)) return std::move(*inherited);
  os::make_directories(path.parent_path());
  return os::listen_unix(path);
}

UniqueFd Listeners::take_tcp(const std::string& name, const std::string& ip, unsigned short port) {
  if (auto inherited = take_inherited(name)) {
    if (is_bound_to(inherited->get(), ip, port)) return std::move(*inherited);
    notify("FDSTOREREMOVE=1\nFDNAME=" + name);  // the setting has changed
  }
  auto fd = listen_tcp(ip, port);
  notify_with_fd("FDSTORE=1\nFDNAME=" + name, fd.get());
  return fd;
}

bool is_bound_to(int fd, const std::string& ip, unsigned short port) {
  Address bound;
  if (getsockname(fd, bound.get(), &bound.size) != 0 || (bound.family() != AF_INET && bound.family() != AF_INET6)) return false;
  auto wanted = parse_address(ip, port);
  if (!wanted || (port != 0 && port != bound.port())) return false;
  // An IPv4 one for 0.0.0.0 is an earlier version's, which goes on until the worker is stopped.
  if (wanted->is_any() && bound.family() == AF_INET6) {
    int ipv6_only = 0;
    socklen_t size = sizeof ipv6_only;
    return bound.is_any() && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, &size) == 0 && ipv6_only == 0;
  }
  return bound.family() == wanted->family() && bound.bytes() == wanted->bytes();
}

UniqueFd listen_tcp(const std::string& ip, unsigned short port) {
  auto address = parse_address(ip, port);
  if (!address) throw Error(ErrorKind::invalid, "'" + ip + "' is not an IP address");
  const std::string what = "listen on " + (address->family() == AF_INET6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
  const bool both = address->is_any() && has_ipv6();
  if (both) address = parse_address("::", port);
  UniqueFd fd(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw SysError(what);
  const int on = 1, off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (both) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd.get(), address->get(), address->size) != 0 || ::listen(fd.get(), 1024) != 0) throw SysError(what);
  return fd;
}

}  // namespace concourse::daemon
