#include "services/garden/network/etc_files.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <sstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/file.hpp"
#include "services/garden/network/address_pool.hpp"

namespace concourse::garden {

namespace {

bool is_ip(const std::string& text) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, text.c_str(), buffer) == 1 || inet_pton(AF_INET6, text.c_str(), buffer) == 1;
}

bool is_loopback(const std::string& server) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, server.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  const auto v4 = parse_ipv4(server);
  return v4 && *v4 >> 24 == 127;
}

struct Filtered {
  std::string text;
  bool has_server = false, dropped_loopback = false;
};

Filtered without_loopback(const std::string& resolv_conf) {
  Filtered out;
  for (const auto& raw : split(resolv_conf, '\n')) {
    const std::string line(trim(raw));
    if (line.empty()) continue;
    std::istringstream words(line);
    std::string keyword, server, more;
    words >> keyword >> server;
    if (keyword == "nameserver") {
      if (server.empty() || words >> more) continue;
      if (is_loopback(server)) {
        out.dropped_loopback = true;
        continue;
      }
      out.has_server = true;
    }
    out.text += line + "\n";
  }
  return out;
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

std::string resolv_conf_for_container(const std::string& host_resolv_conf, const std::string& resolved_resolv_conf,
                                      const std::string& host_address) {
  const auto own = without_loopback(host_resolv_conf);
  if (own.has_server || !own.dropped_loopback) return own.text;
  const auto resolved = without_loopback(resolved_resolv_conf);
  if (resolved.has_server) return resolved.text;
  return host_address.empty() ? own.text : "nameserver " + host_address + "\n";
}

std::string resolv_conf_text(bool hermetic, const EtcSettings& settings, const std::filesystem::path& etc,
                             const std::filesystem::path& run) {
  if (hermetic) return "";
  std::string text;
  for (const auto& server : settings.dns_servers) text += "nameserver " + server + "\n";
  if (settings.dns_servers.empty())
    text = resolv_conf_for_container(os::read_existing_file(etc / "resolv.conf", 1 << 16),
                                     os::read_file(run / "systemd/resolve/resolv.conf", 1 << 16).value_or(""), outgoing_address());
  for (const auto& server : settings.additional_dns_servers) text += "nameserver " + server + "\n";
  return text;
}

}  // namespace concourse::garden
