#include "services/garden/network/claims.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sstream>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/protocol/worker_id.hpp"

namespace concourse::garden {

namespace {
constexpr std::size_t kMaxName = 100;  // bytes
}

std::optional<UniqueFd> claim(const std::string& name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  const auto size = std::min(name.size(), kMaxName);
  std::memcpy(at.sun_path + 1, name.data(), size);  // behind a zero: the name is abstract
  if (!fd) throw SysError("claim '" + name + "'");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size)) == 0)
    return fd;
  if (errno == EADDRINUSE) return std::nullopt;
  throw SysError("claim '" + name + "'");
}

std::string running_worker(std::uint32_t id) {
  const auto wanted = std::string("@") + protocol::kGardenClaim + std::to_string(id) + "/";
  std::istringstream lines(os::read_file("/proc/net/unix").value_or(""));
  for (std::string line; std::getline(lines, line);)
    if (const auto at = line.find(wanted); at != std::string::npos) return line.substr(at + wanted.size());
  return "";
}

}  // namespace concourse::garden
