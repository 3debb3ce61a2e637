#include "services/garden/network/firewall.hpp"

#include <nftables/libnftables.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::garden {

namespace {

std::string elements(const std::vector<std::string>& list) {
  return list.empty() ? "" : "elements = { " + join(list, ", ") + " }; ";
}

std::string quoted(const std::string& link) { return '"' + link + '"'; }

// The chain with a container's exceptions.
std::string chain_of(const std::string& link) { return "out_" + link; }

std::string exception_element(const std::string& link) { return quoted(link) + " : jump " + chain_of(link); }

std::string port_element(std::uint32_t address, PortMapping mapping) {
  return std::to_string(mapping.host_port) + " : " + ipv4_text(address) + " . " + std::to_string(mapping.container_port);
}

}  // namespace

std::string Firewall::script(const std::string& name, const FirewallRules& rules) {
  std::vector<std::string> restricted, ipv6_restricted, hermetic, ports, exceptions;
  std::string chains;
  for (const auto& range : rules.restricted) restricted.push_back(range.text());
  for (const auto& range : rules.ipv6_restricted) ipv6_restricted.push_back(range.text());
  for (const auto& own : rules.own) {
    if (own.hermetic) hermetic.push_back(quoted(own.link));
    for (const auto& mapping : own.ports) ports.push_back(port_element(own.address, mapping));
    if (own.exceptions.empty()) continue;
    exceptions.push_back(exception_element(own.link));
    chains += "  chain " + chain_of(own.link) + " {\n    " + join(own.exceptions, "\n    ") + "\n  }\n";
  }
  const auto group = std::to_string(rules.link_group);
  const auto ours = "    meta iifgroup " + group, to_ours = "    meta oifgroup " + group;
  const auto to_others = ours + " meta oifgroup != " + group;

  std::string s;
  // Deleting a table that isn't there is an error, so it is made first; all is one transaction.
  s += "add table inet " + name + "\ndelete table inet " + name + "\n";
  s += "table inet " + name + " {\n";
  s += "  set restricted { type ipv4_addr; flags interval; auto-merge; " + elements(restricted) + "}\n";
  s += "  set ipv6_restricted { type ipv6_addr; flags interval; auto-merge; " + elements(ipv6_restricted) + "}\n";
  s += "  set hermetic { type ifname; " + elements(hermetic) + "}\n";
  s += "  set name_servers { type ipv4_addr; }\n";
  s += "  map ports { type inet_service : ipv4_addr . inet_service; " + elements(ports) + "}\n";
  s += chains;
  s += "  map exceptions { type ifname : verdict; " + elements(exceptions) + "}\n";

  // What the reverse path filter of their links is for IPv4: nobody sends under an address that is routed elsewhere. Containers
  // have no link-local addresses; who makes up many would fill the host's table of neighbours.
  s += "  chain ipv6_source {\n    type filter hook prerouting priority raw; policy accept;\n";
  s += ours + " ip6 saddr fe80::/10 drop\n";
  s += ours + " meta nfproto ipv6 " + (rules.ipv6 ? "fib saddr . iif oif missing " : "") + "drop\n  }\n";

  s += "  chain input {\n    type filter hook input priority filter; policy accept;\n";
  // Neighbour discovery is to IPv6 what ARP is to IPv4, which passes no rule: without it no packet finds the gateway.
  if (rules.ipv6) {
    s += ours + " icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept\n";
    s += ours + " icmpv6 type { nd-router-advert, nd-redirect } drop\n";
  }
  s += ours + " meta iifname @hermetic drop\n";
  if (!rules.allow_host_access) {
    s += ours + " ct state established,related accept\n";
    s += ours + " ip daddr @name_servers meta l4proto { tcp, udp } th dport 53 accept\n";
    s += ours + " reject with icmpx type host-unreachable\n";
  }
  s += "  }\n";

  s += "  chain forward {\n    type filter hook forward priority filter; policy accept;\n";
  s += ours + " ct state established,related accept\n";
  s += to_ours + " ct state established,related accept\n";
  s += ours + " meta iifname vmap @exceptions\n";
  s += ours + " meta iifname @hermetic drop\n";
  s += to_ours + " meta oifname @hermetic drop\n";
  s += ours + " ip daddr @restricted reject with icmpx type host-unreachable\n";
  s += ours + " ip6 daddr @ipv6_restricted reject with icmpx type host-unreachable\n";
  // IPv4 addresses of containers are nobody's business outside; these may be the world's, and there are no mapped ports.
  s += to_ours + " meta iifgroup != " + group + " meta nfproto ipv6 reject with icmpx type host-unreachable\n";
  s += "  }\n";

  const std::string to_mapped = "    fib daddr type local dnat ip to tcp dport map @ports\n";
  s += "  chain prerouting {\n    type nat hook prerouting priority dstnat; policy accept;\n" + to_mapped + "  }\n";
  s += "  chain output {\n    type nat hook output priority -100; policy accept;\n" + to_mapped + "  }\n";
  s += "  chain postrouting {\n    type nat hook postrouting priority srcnat; policy accept;\n";
  s += to_others + " ip daddr != 224.0.0.0/4 masquerade\n";
  if (rules.ipv6_masquerade) s += to_others + " ip6 daddr != ff00::/8 masquerade\n";
  return s + "  }\n}\n";
}

void Firewall::install(const FirewallRules& rules) { run(script(name_, rules), "install the firewall rules"); }
void Firewall::remove() { run("add table inet " + name_ + "\ndelete table inet " + name_ + "\n", "remove the firewall rules"); }

void Firewall::add_hermetic(const std::string& link) {
  run("add element inet " + name_ + " hermetic { " + quoted(link) + " }\n", "isolate " + link);
}

void Firewall::open_name_server(std::uint32_t address) {
  run("add element inet " + name_ + " name_servers { " + ipv4_text(address) + " }\n", "open port 53 of " + ipv4_text(address));
}

void Firewall::map_port(std::uint32_t address, PortMapping mapping) {
  run("add element inet " + name_ + " ports { " + port_element(address, mapping) + " }\n",
      "map host port " + std::to_string(mapping.host_port));
}

void Firewall::add_exceptions(const std::string& link, const std::vector<std::string>& matches) {
  const auto chain = "inet " + name_ + " " + chain_of(link);
  std::string commands = "add chain " + chain + "\n";
  for (const auto& match : matches) commands += "add rule " + chain + " " + match + "\n";
  commands += "add element inet " + name_ + " exceptions { " + exception_element(link) + " }\n";
  run(commands, "add net-out rules of " + link);
}

void Firewall::forget(const ContainerRules& container) {
  const auto table = "inet " + name_ + " ";
  // An element must be there to be deleted, so it is added first: no question has to be asked before.
  std::string commands;
  if (container.hermetic) {
    const auto element = "element " + table + "hermetic { " + quoted(container.link) + " }\n";
    commands += "add " + element + "delete " + element;
  }
  for (const auto& mapping : container.ports) {
    commands += "add element " + table + "ports { " + port_element(container.address, mapping) + " }\n";
    commands += "delete element " + table + "ports { " + std::to_string(mapping.host_port) + " }\n";
  }
  if (!container.exceptions.empty()) {
    const auto chain = "chain " + table + chain_of(container.link) + "\n";
    commands += "add " + chain + "add element " + table + "exceptions { " + exception_element(container.link) + " }\n";
    commands += "delete element " + table + "exceptions { " + quoted(container.link) + " }\n";
    commands += "flush " + chain + "delete " + chain;
  }
  if (!commands.empty()) run(commands, "forget the rules of " + container.link);
}

void Firewall::Free::operator()(nft_ctx* context) const { nft_ctx_free(context); }

void Firewall::run(const std::string& commands, const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (!context_) {
    context_.reset(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!context_) throw Error(ErrorKind::internal, what + ": out of memory");
    nft_ctx_buffer_error(context_.get());
    nft_ctx_buffer_output(context_.get());
  }
  if (nft_run_cmd_from_buffer(context_.get(), commands.c_str()) == 0) return;
  const auto* text = nft_ctx_get_error_buffer(context_.get());
  const auto lines = split(trim(text != nullptr ? text : ""), '\n');
  context_.reset();  // with what it believes to know of the rules
  throw Error(ErrorKind::internal, what + ": " + (lines.empty() ? "nftables refused" : lines.front()));
}

}  // namespace concourse::garden
