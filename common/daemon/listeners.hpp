// The listening sockets of a service: inherited by the LISTEN_FDS protocol (sd_listen_fds(3)) from systemd or from our
// supervisor, or, when a service is started by hand, made by itself. A restarting service loses no connection this way.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::daemon {

class Listeners {
 public:
  // Takes the inherited sockets and clears the LISTEN_* variables, so that no child takes them for its own.
  static Listeners inherit();

  // The inherited socket called `name` (FileDescriptorName=), else a new Unix socket at `path`. Once per name.
  UniqueFd take(const std::string& name, const std::filesystem::path& path);
  // The inherited socket called `name` if it listens on ip:port, else a new TCP socket there, which systemd is asked to keep
  // over restarts (a unit with FileDescriptorStoreMax=).
  UniqueFd take_tcp(const std::string& name, const std::string& ip, unsigned short port);
  // The inherited socket only.
  std::optional<UniqueFd> take_inherited(const std::string& name);
  bool has(const std::string& name) const { return fds_.contains(name); }

 private:
  std::map<std::string, UniqueFd> fds_;
};

// A TCP socket listening on ip:port, IPv4 or IPv6; 0.0.0.0 and :: are every address of both, as in the Go worker, where the kernel
// has both. Throws Error naming the address; "address already in use" says who
// should be looked for.
UniqueFd listen_tcp(const std::string& ip, unsigned short port);

// Whether a TCP socket is bound to ip:port; any port will do for port 0.
bool is_bound_to(int fd, const std::string& ip, unsigned short port);

}  // namespace concourse::daemon
