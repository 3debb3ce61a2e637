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
}

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
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
  const bool v6 = storage.ss_family == AF_INET6;
  if (!v6 && storage.ss_family != AF_INET) return false;
  const auto* in4 = reinterpret_cast<const sockaddr_in*>(&storage);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  unsigned char wanted[16]{};
  if (inet_pton(v6 ? AF_INET6 : AF_INET, ip.c_str(), wanted) != 1) return false;
  const bool same_ip = v6 ? std::equal(wanted, wanted + 16, in6->sin6_addr.s6_addr)
                          : std::equal(wanted, wanted + 4, reinterpret_cast<const unsigned char*>(&in4->sin_addr));
  return same_ip && (port == 0 || port == ntohs(v6 ? in6->sin6_port : in4->sin_port));
}

UniqueFd listen_tcp(const std::string& ip, unsigned short port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    size = sizeof *v4;
  } else if (inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof *v6;
  } else {
    throw Error(ErrorKind::invalid, "'" + ip + "' is not an IP address");
  }
  const std::string what = "listen on " + (storage.ss_family == AF_INET6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw SysError(what);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 || ::listen(fd.get(), 1024) != 0) throw SysError(what);
  return fd;
}

}  // namespace concourse::daemon
