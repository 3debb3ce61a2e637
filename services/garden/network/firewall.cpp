#include "services/garden/network/firewall.hpp"

#include <nftables/libnftables.h>

#include <memory>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::garden {

namespace {

std::string set_elements(const std::vector<std::string>& elements) {
  return elements.empty() ? "" : "elements = { " + join(elements, ", ") + " }; ";
}

}  // namespace

std::string Firewall::script(const std::string& name, const FirewallRules& rules) {
  std::vector<std::string> containers, restricted, hermetic;
  for (const auto& range : rules.containers) containers.push_back(range.text());
  for (const auto& range : rules.restricted) restricted.push_back(range.text());
  for (const auto address : rules.hermetic) hermetic.push_back(ipv4_text(address));
  const auto ours = "meta iifgroup " + std::to_string(rules.link_group);
  const auto to_ours = "meta oifgroup " + std::to_string(rules.link_group);

  std::string s;
  // Deleting a table that isn't there is an error, so it is made first; all is one transaction.
  s += "add table inet " + name + "\ndelete table inet " + name + "\n";
  s += "table inet " + name + " {\n";
  s += "  set containers { type ipv4_addr; flags interval; auto-merge; " + set_elements(containers) + "}\n";
  s += "  set hermetic { type ipv4_addr; " + set_elements(hermetic) + "}\n";
  s += "  set restricted { type ipv4_addr; flags interval; auto-merge; " + set_elements(restricted) + "}\n";
  s += "  chain input {\n    type filter hook input priority filter; policy accept;\n";
  s += "    " + ours + " ip saddr @hermetic drop\n";
  if (!rules.allow_host_access) {
    s += "    " + ours + " ct state established,related accept\n";
    s += "    " + ours + " reject with icmpx type host-unreachable\n";
  }
  s += "  }\n  chain forward {\n    type filter hook forward priority filter; policy accept;\n";
  s += "    " + ours + " ip saddr @hermetic drop\n";
  s += "    " + to_ours + " ip daddr @hermetic drop\n";
  s += "    " + ours + " ct state established,related accept\n";
  s += "    " + ours + " ip daddr @restricted reject with icmpx type host-unreachable\n";
  s += "  }\n  chain postrouting {\n    type nat hook postrouting priority srcnat; policy accept;\n";
  s += "    ip saddr @containers ip daddr != @containers ip daddr != 224.0.0.0/4 masquerade\n";
  return s + "  }\n}\n";
}

void Firewall::install(const FirewallRules& rules) { run(script(name_, rules), "install the firewall rules"); }
void Firewall::remove() { run("add table inet " + name_ + "\ndelete table inet " + name_ + "\n", "remove the firewall rules"); }

void Firewall::add_hermetic(std::uint32_t address) {
  run("add element inet " + name_ + " hermetic { " + ipv4_text(address) + " }\n", "isolate " + ipv4_text(address));
}

void Firewall::remove_hermetic(std::uint32_t address) {
  const auto element = "element inet " + name_ + " hermetic { " + ipv4_text(address) + " }\n";
  run("add " + element + "delete " + element, "forget the isolation of " + ipv4_text(address));
}

void Firewall::run(const std::string& commands, const std::string& what) {
  const std::lock_guard lock(mutex_);
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!context) throw Error(ErrorKind::internal, what + ": out of memory");
  nft_ctx_buffer_error(context.get());
  nft_ctx_buffer_output(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return;
  const auto* text = nft_ctx_get_error_buffer(context.get());
  const auto lines = split(trim(text != nullptr ? text : ""), '\n');
  throw Error(ErrorKind::internal, what + ": " + (lines.empty() ? "nftables refused" : lines.front()));
}

}  // namespace concourse::garden
