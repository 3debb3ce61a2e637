#include "services/garden/network/etc_files.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <sstream>

#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "services/garden/network/address_pool.hpp"

namespace concourse::garden {

namespace {

bool is_ip(const std::string& text) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, text.c_str(), buffer) == 1 || inet_pton(AF_INET6, text.c_str(), buffer) == 1;
}

}  // namespace

std::string outgoing_address() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(53);
  inet_pton(AF_INET, "1.2.3.4", &there.sin_addr);
  sockaddr_in here{};
  socklen_t size = sizeof here;
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size) != 0)
    return "";
  return ipv4_text(ntohl(here.sin_addr.s_addr));
}

void check_host_line(const std::string& line) {
  std::istringstream words(line);
  std::string ip, name;
  if (!(words >> ip >> name) || !is_ip(ip)) throw Error(ErrorKind::invalid, "additional host '" + line + "' is not 'IP name'");
}

std::string hosts_text(const std::string& handle, const std::vector<std::string>& addresses, const EtcSettings& settings) {
  std::string text = "127.0.0.1 localhost\n";
  for (const auto& line : settings.additional_hosts) text += line + "\n";
  for (const auto& address : addresses) text += address + " " + handle + "\n";
  return text;
}

std::string resolv_conf_text(const std::vector<std::string>& servers, const std::vector<std::string>& others) {
  std::string text;
  for (const auto& server : servers) text += "nameserver " + server + "\n";
  for (const auto& line : others) text += line + "\n";
  return text;
}

}  // namespace concourse::garden
