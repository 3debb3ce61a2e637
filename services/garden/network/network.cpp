#include "services/garden/network/network.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/worker_id.hpp"
#include "services/garden/network/claims.hpp"
#include "services/garden/network/etc_files.hpp"
#include "services/garden/network/netlink.hpp"
#include "services/garden/network/sysctl.hpp"

namespace concourse::garden {

namespace {

constexpr const char* kInside = "eth0";

std::string hex(std::uint32_t address) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", address);
  return text;
}

std::string owner_text(std::uint32_t group) {
  if (group == 0) return "nobody's of this worker's kind";
  const auto directory = running_worker(group);
  return directory.empty() ? "a worker that doesn't run now (group " + std::to_string(group) + ")" : "the worker of " + directory;
}

ContainerRules rules_of(const ContainerNetwork& container) {
  ContainerRules rules{Network::link_name(container.address), container.address, container.hermetic, container.ports, {}};
  // Recorded ones were accepted in their time, perhaps when there was IPv6.
  for (const Json& rule : container.netout)
    for (auto& match : netout_matches(rule, container.handle, true)) rules.exceptions.push_back(std::move(match));
  return rules;
}

void configure_inside(const ContainerNetwork& container, std::uint32_t gateway, const std::optional<Ipv6Address>& ipv6_gateway,
                      bool ipv6_loopback) {
  for (const char* all : {"all", "default"}) switch_ipv6(all, container.ipv6.has_value());
  if (ipv6_loopback) switch_ipv6("lo", true);  // before it is set up, which gives it its ::1
  Netlink netlink;
  netlink.set_up("lo");
  netlink.add_address(kInside, container.address, 32);
  if (container.ipv6) ipv6_by_hand(kInside, false);
  netlink.set_up(kInside);
  netlink.add_route(kInside, 0, 0, gateway);
  if (!container.ipv6) return;
  netlink.add_address(kInside, *container.ipv6);
  netlink.add_route(kInside, Ipv6Range{{}, 0}, ipv6_gateway);
}

}  // namespace

std::string Network::link_name(std::uint32_t address) { return protocol::kLinkPrefix + hex(address); }

Network::Network(NetworkSettings settings)
    : settings_(std::move(settings)), pool_(settings_.pool), firewall_("concourse_" + hex(settings_.id)) {
  if (settings_.ipv6) ipv6_pool_.emplace(settings_.ipv6->pool);
}

std::uint64_t Network::capacity() const {
  const std::uint64_t ipv4 = pool_.range().size() - 3;
  return ipv6_pool_ ? std::min(ipv4, ipv6_pool_->capacity()) : ipv4;
}

ContainerNetwork Network::reserve(const std::string& handle, const std::string& wanted, bool hermetic) {
  std::vector<std::uint32_t> passed_over;
  const ScopeExit later([&] {
    for (const auto address : passed_over) pool_.give_back(address);
  });
  const auto take = [&] { return wanted.empty() ? pool_.take() : pool_.take(wanted); };
  auto address = take();
  for (; !reserve_link(address); address = take()) passed_over.push_back(address);
  ContainerNetwork network{handle, address, {}, hermetic, {}, Json::array()};
  ScopeExit undo([&] {
    end_reservation(address);
    pool_.give_back(address);
  });
  if (ipv6_pool_) network.ipv6 = ipv6_pool_->take();
  undo.dismiss();
  return network;
}

// True if the link can be made: nobody has one of that name, and no other worker is about to. (A link that was there when another
// let go of its claim is seen, because it is looked for behind the claim.)
bool Network::reserve_link(std::uint32_t address) {
  const auto link = link_name(address);
  auto held = claim(protocol::kLinkClaim + link);
  const auto group = Netlink().group_of(link);
  if (held && !group) {
    const std::lock_guard lock(mutex_);
    reserved_[address] = std::move(*held);
    return true;
  }
  log::warn(
      "an address is passed over: its link is not this worker's",
      {{"address", ipv4_text(address)}, {"link", link}, {"owner", group ? owner_text(*group) : "a worker that makes it just now"}});
  return false;
}

void Network::end_reservation(std::uint32_t address) {
  const std::lock_guard lock(mutex_);
  reserved_.erase(address);
}

void Network::start(const std::vector<ContainerNetwork>& living) {
  Netlink netlink;
  mtu_ = settings_.mtu > 0 ? settings_.mtu : netlink.uplink_mtu();
  set_sysctl("ipv4/ip_forward", "1");
  if (settings_.ipv6) {
    try {
      check_ipv6_mtu(mtu_);
    } catch (const Error& e) {
      throw with_context("MTU of the uplink, see --garden-mtu", e);
    }
    forward_ipv6();
  }
  FirewallRules rules;
  rules.link_group = settings_.id;
  rules.allow_host_access = settings_.allow_host_access;
  rules.restricted = settings_.restricted;
  if (settings_.ipv6) {
    rules.ipv6 = true;
    rules.ipv6_masquerade = settings_.ipv6->masquerade;
    rules.ipv6_restricted = settings_.ipv6->restricted;
  }
  std::set<std::string> ours;
  for (const auto& container : living) {
    pool_.restore(container.address);
    if (ipv6_pool_ && container.ipv6) ipv6_pool_->restore(*container.ipv6);
    for (const auto& mapping : container.ports) ports_.take(mapping.host_port);
    ours.insert(link_name(container.address));
    rules.own.push_back(rules_of(container));
  }
  claim_ = claim(protocol::kGardenClaim + std::to_string(settings_.id) + "/" + settings_.owner);
  firewall_.install(rules);
  for (const auto& link : netlink.links_in_group(settings_.id))
    if (!ours.contains(link) && netlink.delete_link(link)) log::info("removed a network link of no container", {{"link", link}});
}

void Network::stop() { firewall_.remove(); }

void Network::connect(const ContainerNetwork& container, int netns) {
  const auto link = link_name(container.address);
  Netlink netlink;
  if (container.hermetic) firewall_.add_hermetic(link);  // before the first packet can leave
  netlink.add_veth(link, settings_.id, kInside, netns, mtu_);
  switch_ipv6(link, container.ipv6.has_value());
  set_sysctl("ipv4/conf/" + link + "/rp_filter", "1");
  netlink.add_address(link, gateway(), 32);
  netlink.add_route(link, container.address, 32, 0);
  std::optional<Ipv6Address> ipv6_gateway;
  if (container.ipv6) {
    ipv6_by_hand(link, true);
    netlink.add_address(link, *(ipv6_gateway = ipv6_pool_->gateway()));
    netlink.add_route(link, Ipv6Range{*container.ipv6, 128}, {});
  }
  in_network_namespace(netns, [&, here = loopback_has_ipv6()] { configure_inside(container, gateway(), ipv6_gateway, here); });
  end_reservation(container.address);
}

void Network::disconnect(const ContainerNetwork& container) {
  const auto link = link_name(container.address);
  if (Netlink().group_of(link) == settings_.id) links_.remove(link);  // else it is somebody else's
  firewall_.forget(rules_of(container));
}

void Network::give_back(const ContainerNetwork& container) {
  for (const auto& mapping : container.ports) ports_.give_back(mapping.host_port);
  end_reservation(container.address);
  pool_.give_back(container.address);
  if (ipv6_pool_ && container.ipv6) ipv6_pool_->give_back(*container.ipv6);
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
    for (auto& match : netout_matches(rule, container.handle, settings_.ipv6.has_value())) matches.push_back(std::move(match));
  if (!matches.empty()) firewall_.add_exceptions(link_name(container.address), matches);
}

std::string Network::external_ip() const { return settings_.external_ip.empty() ? outgoing_address() : settings_.external_ip; }

}  // namespace concourse::garden
