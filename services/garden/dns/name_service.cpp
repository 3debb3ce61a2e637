#include "services/garden/dns/name_service.hpp"

#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"

namespace concourse::garden::dns {

host::NameServers host_name_servers(const Options& options) {
  return host::name_servers({options.network.ipv6.has_value(), options.network.allow_host_access, host::own_addresses()});
}

void NameService::start() {
  if (options_.dns_proxy || (options_.etc.dns_servers.empty() && host_name_servers(options_).servers.empty())) serve();
}

std::string NameService::resolv_conf(bool hermetic) {
  if (hermetic) return "";
  host::NameServers found;
  if (!options_.etc.dns_servers.empty()) {
    found.servers = options_.etc.dns_servers;
    if (options_.dns_proxy) found.servers.push_back(gateway());
  } else {
    found = host_name_servers(options_);
    if (options_.dns_proxy || found.servers.empty()) {
      serve();
      found.servers = {gateway()};
    }
  }
  for (const auto& server : options_.etc.additional_dns_servers) found.servers.push_back(server);
  return resolv_conf_text(found.servers, found.others);
}

void NameService::serve() {
  const std::lock_guard lock(mutex_);
  if (served_) return;
  try {
    proxy_.emplace(gateway());
  } catch (const SysError& e) {
    // Who listens on every address answers on this one too.
    if (options_.dns_proxy || e.error_number() != EADDRINUSE) throw;
    log::warn("names are looked up at whoever listens on port 53 of this machine", {{"error", e.what()}});
  }
  network_.open_name_server();
  served_ = true;
  log::info("names are served to containers", {{"address", gateway()}});
}

}  // namespace concourse::garden::dns
