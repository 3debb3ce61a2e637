#include "services/garden/network/network.hpp"

#include <cstdio>
#include <set>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/garden/network/etc_files.hpp"
#include "services/garden/network/netlink.hpp"

namespace concourse::garden {

namespace {

constexpr const char* kInside = "eth0";

std::string hex(std::uint32_t address) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", address);
  return text;
}

void set_sysctl(const std::string& name, const char* value) { os::write_kernel_file("/proc/sys/net/" + name, value); }

// IPv6 is off unless asked for: a container must not reach by it what rules for IPv4 forbid.
void disable_ipv6(const std::string& link) {
  try {
    set_sysctl("ipv6/conf/" + link + "/disable_ipv6", "1");
  } catch (const SysError& e) {
    if (e.kind() != ErrorKind::not_found) throw;  // a kernel without IPv6
  }
}

ContainerRules rules_of(const ContainerNetwork& container) {
  ContainerRules rules{Network::link_name(container.address), container.address, container.hermetic, container.ports, {}};
  for (const Json& rule : container.netout)
    for (auto& match : netout_matches(rule, container.handle)) rules.exceptions.push_back(std::move(match));
  return rules;
}

void configure_inside(std::uint32_t address, std::uint32_t gateway) {
  disable_ipv6("all");
  disable_ipv6("default");
  Netlink netlink;
  netlink.set_up("lo");
  netlink.add_address(kInside, address, 32);
  netlink.set_up(kInside);
  netlink.add_route(kInside, 0, 0, gateway);
}

}  // namespace

std::string Network::link_name(std::uint32_t address) { return "cw" + hex(address); }

Network::Network(NetworkSettings settings)
    : settings_(std::move(settings)), pool_(settings_.pool), firewall_("concourse_" + hex(settings_.id)) {}

void Network::start(const std::vector<ContainerNetwork>& living) {
  Netlink netlink;
  mtu_ = settings_.mtu > 0 ? settings_.mtu : netlink.uplink_mtu();
  set_sysctl("ipv4/ip_forward", "1");
  FirewallRules rules;
  rules.link_group = settings_.id;
  rules.allow_host_access = settings_.allow_host_access;
  if (settings_.dns_proxy) rules.name_server = gateway();
  rules.restricted = settings_.restricted;
  std::set<std::string> ours;
  for (const auto& container : living) {
    pool_.restore(container.address);
    for (const auto& mapping : container.ports) ports_.take(mapping.host_port);
    ours.insert(link_name(container.address));
    rules.own.push_back(rules_of(container));
  }
  firewall_.install(rules);
  for (const auto& link : netlink.links_in_group(settings_.id))
    if (!ours.contains(link) && netlink.delete_link(link)) log::info("removed a network link of no container", {{"link", link}});
}

void Network::stop() { firewall_.remove(); }

void Network::connect(const ContainerNetwork& container, int netns) {
  const auto link = link_name(container.address);
  Netlink netlink;
  if (container.hermetic) firewall_.add_hermetic(link);  // before the first packet can leave
  ScopeExit undo([&] {
    netlink.delete_link(link);
    firewall_.forget(rules_of(container));
  });
  netlink.add_veth(link, settings_.id, kInside, netns, mtu_);
  disable_ipv6(link);
  set_sysctl("ipv4/conf/" + link + "/rp_filter", "1");
  netlink.add_address(link, gateway(), 32);
  netlink.add_route(link, container.address, 32, 0);
  in_network_namespace(netns, [&] { configure_inside(container.address, gateway()); });
  undo.dismiss();
}

void Network::disconnect(const ContainerNetwork& container) {
  Netlink netlink;
  netlink.delete_link(link_name(container.address));
  firewall_.forget(rules_of(container));
}

void Network::give_back(const ContainerNetwork& container) {
  for (const auto& mapping : container.ports) ports_.give_back(mapping.host_port);
  pool_.give_back(container.address);
}

PortMapping Network::map_port(std::uint32_t address, PortMapping wanted) {
  if (wanted.host_port == 0) wanted.host_port = ports_.take();
  else ports_.take(wanted.host_port);
  ScopeExit undo([&] { ports_.give_back(wanted.host_port); });
  if (wanted.container_port == 0) wanted.container_port = wanted.host_port;
  firewall_.map_port(address, wanted);
  undo.dismiss();
  return wanted;
}

void Network::allow(const ContainerNetwork& container, const Json& rules) {
  std::vector<std::string> matches;
  for (const Json& rule : rules)
    for (auto& match : netout_matches(rule, container.handle)) matches.push_back(std::move(match));
  if (!matches.empty()) firewall_.add_exceptions(link_name(container.address), matches);
}

std::string Network::external_ip() const { return settings_.external_ip.empty() ? outgoing_address() : settings_.external_ip; }

}  // namespace concourse::garden
