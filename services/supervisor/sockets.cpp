#include "services/supervisor/sockets.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/listeners.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"
#include "services/supervisor/port_owner.hpp"

namespace concourse::supervisor {

namespace {

constexpr mode_t kSocketMode = 0600;  // both APIs are root for whoever reaches them
constexpr mode_t kDirectoryMode = 0700;

std::string text_of(const TcpAddress& address) {
  const bool v6 = address.ip.find(':') != std::string::npos;
  return (v6 ? "[" + address.ip + "]" : address.ip) + ":" + std::to_string(address.port);
}

// The file must still be there: a socket whose file was removed can't be reached any more.
bool is_bound_to(int fd, const std::filesystem::path& wanted) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sun_family != AF_UNIX) return false;
  const std::filesystem::path bound(address.sun_path);
  // Long paths are bound by way of /proc/self/fd (common/os/unix_socket.cpp).
  return (bound == wanted || bound.filename() == wanted.filename()) && std::filesystem::is_socket(wanted);
}

UniqueFd listen_on(const ListenerSpec& spec) {
  if (!spec.path.empty()) {
    os::make_directories(spec.path.parent_path(), kDirectoryMode);
    return os::listen_unix(spec.path, kSocketMode);
  }
  try {
    return daemon::listen_tcp(spec.tcp.ip, spec.tcp.port);
  } catch (const SysError& e) {
    const auto what = "can't listen on " + text_of(spec.tcp) + ": ";
    if (e.error_number() == EADDRINUSE)
      throw Error(ErrorKind::conflict, what + "the port is taken by " + port_owner(spec.tcp.port).value_or("another program") +
                                           "; stop it or choose another port with " + spec.tcp.flag);
    if (e.error_number() == EADDRNOTAVAIL) throw Error(ErrorKind::invalid, what + "this machine has no such address");
    throw;
  }
}

}  // namespace

void check_address(const ListenerSpec& spec) {
  if (spec.path.empty()) (void)listen_on(spec);
}

void Sockets::take_over(const ServiceSpec& spec, std::map<std::string, UniqueFd> listeners) {
  for (const auto& wanted : spec.listeners) {
    const auto found = listeners.find(wanted.name);
    if (found == listeners.end()) continue;
    const int fd = found->second.get();
    if (!(wanted.path.empty() ? daemon::is_bound_to(fd, wanted.tcp.ip, wanted.tcp.port) : is_bound_to(fd, wanted.path))) continue;
    sockets_[{spec.name, wanted.name}] = std::move(found->second);
    if (!wanted.path.empty()) files_.push_back(wanted.path);
  }
}

bool Sockets::complete(const ServiceSpec& spec) {
  bool made = false;
  for (const auto& wanted : spec.listeners) {
    auto& socket = sockets_[{spec.name, wanted.name}];
    if (socket) continue;
    socket = listen_on(wanted);
    if (!wanted.path.empty()) files_.push_back(wanted.path);
    made = true;
  }
  return made;
}

std::vector<std::pair<std::string, int>> Sockets::of(const ServiceSpec& spec) const {
  std::vector<std::pair<std::string, int>> out;
  for (const auto& wanted : spec.listeners) out.emplace_back(wanted.name, sockets_.at({spec.name, wanted.name}).get());
  return out;
}

void Sockets::remove_all() {
  sockets_.clear();
  for (const auto& file : files_) ::unlink(file.c_str());
  files_.clear();
}

}  // namespace concourse::supervisor
