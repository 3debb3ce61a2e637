#include "common/host/name_servers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/host/peer_address.hpp"

namespace concourse::host {

namespace {

constexpr std::size_t kMaxResolvConf = 64 << 10;  // bytes

struct Address {
  int family = AF_UNSPEC;
  in_addr v4{};
  in6_addr v6{};
};

std::optional<Address> parse_address(const std::string& text) {
  Address address;
  const auto bare = text.substr(0, text.find('%'));
  if (inet_pton(AF_INET, text.c_str(), &address.v4) == 1) address.family = AF_INET;
  else if (inet_pton(AF_INET6, bare.c_str(), &address.v6) == 1) address.family = AF_INET6;
  else return std::nullopt;
  return address;
}

bool is_about_search(const std::string& keyword) {
  return keyword == "search" || keyword == "domain" || keyword == "options" || keyword == "sortlist";
}

std::string read_bounded(const std::filesystem::path& file) {
  // Not to wait for the other end of a pipe.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0) throw SysError("read '" + file.string() + "'");
  if (!S_ISREG(st.st_mode)) throw Error(ErrorKind::invalid, "'" + file.string() + "' is no file");
  std::string text(kMaxResolvConf + 1, '\0');
  std::size_t size = 0;
  for (ssize_t n = 1; n > 0 && size < text.size(); size += static_cast<std::size_t>(std::max<ssize_t>(n, 0))) {
    n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0) throw SysError("read '" + file.string() + "'");
  }
  if (size > kMaxResolvConf) throw Error(ErrorKind::invalid, "'" + file.string() + "' is larger than 64 KiB");
  text.resize(size);
  return text;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  for (const auto& raw : split(std::string(text), '\n')) {
    const std::string line(trim(raw));
    std::istringstream words(line);
    std::string keyword, value, more;
    if (!(words >> keyword >> value) || line.find('\0') != std::string::npos) continue;
    if (is_about_search(keyword)) conf.others.push_back(line);
    // What comes behind the address is a comment; anything else makes the line unreadable to resolvers.
    const bool alone = !(words >> more) || more[0] == '#' || more[0] == ';';
    if (keyword == "nameserver" && alone && parse_address(value)) conf.servers.push_back(value);
  }
  return conf;
}

ResolvConf read_resolv_conf(const std::filesystem::path& file) {
  try {
    return parse_resolv_conf(read_bounded(file));
  } catch (const Error& e) {
    return {{}, {}, e.what()};
  }
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> own;
  for (auto& address : interface_addresses()) own.push_back(std::move(address.text));
  return own;
}

bool can_reach(const Reach& reach, const std::string& server) {
  const auto address = parse_address(server);
  if (!address) return false;
  char text[INET6_ADDRSTRLEN];
  if (address->family == AF_INET) {
    const auto first = ntohl(address->v4.s_addr) >> 24;
    if (first == 127 || first == 0) return false;
    inet_ntop(AF_INET, &address->v4, text, sizeof text);
  } else {
    if (!reach.ipv6 || IN6_IS_ADDR_LOOPBACK(&address->v6) || IN6_IS_ADDR_UNSPECIFIED(&address->v6) ||
        IN6_IS_ADDR_LINKLOCAL(&address->v6) || IN6_IS_ADDR_V4MAPPED(&address->v6))
      return false;
    inet_ntop(AF_INET6, &address->v6, text, sizeof text);
  }
  return reach.host || std::find(reach.own_addresses.begin(), reach.own_addresses.end(), text) == reach.own_addresses.end();
}

NameServers name_servers(const Reach& reach, const std::filesystem::path& etc, const std::filesystem::path& run) {
  const auto reachable = [&](const std::vector<std::string>& servers) {
    std::vector<std::string> list;
    std::copy_if(servers.begin(), servers.end(), std::back_inserter(list), [&](const auto& s) { return can_reach(reach, s); });
    return list;
  };
  auto own = read_resolv_conf(etc / "resolv.conf");
  NameServers found{reachable(own.servers), {}, std::move(own.others), std::move(own.problem)};
  if (!found.servers.empty() || own.servers.empty()) return found;
  found.unreachable = std::move(own.servers);
  const auto resolved = read_resolv_conf(run / "systemd/resolve/resolv.conf");
  found.servers = reachable(resolved.servers);
  if (!found.servers.empty() && found.others.empty()) found.others = resolved.others;
  return found;
}

Finding judge(const NameServers& found, bool given, bool proxy) {
  const std::string by_proxy = "containers ask the proxy on port 53 of their gateway";
  if (given) return ok("DNS", "containers get the servers of CONCOURSE_GARDEN_DNS_SERVER");
  if (!found.problem.empty())
    return warning("DNS", found.problem + ": look-ups in containers fail", "name servers there, or by CONCOURSE_GARDEN_DNS_SERVER");
  if (found.servers.empty() && found.unreachable.empty())
    return warning("DNS", "/etc/resolv.conf names no server: look-ups in containers fail",
                   "write one into it, or set CONCOURSE_GARDEN_DNS_SERVER");
  if (proxy) return ok("DNS", by_proxy);
  if (found.servers.empty())
    return warning("DNS",
                   "/etc/resolv.conf has only " + join(found.unreachable, ", ") + ", which containers can't reach: " + by_proxy,
                   "nothing, if that is wanted; CONCOURSE_GARDEN_DNS_PROXY_ENABLE=true says so, and CONCOURSE_GARDEN_DNS_SERVER "
                   "names other servers");
  const auto instead =
      found.unreachable.empty() ? "" : join(found.unreachable, ", ") + " can't be reached by containers, which ask instead ";
  return ok("DNS", (instead.empty() ? "containers ask " : instead) + join(found.servers, ", "));
}

}  // namespace concourse::host
