#include <nftables/libnftables.h>
#include <sys/timex.h>

#include <ctime>
#include <map>
#include <memory>
#include <sstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/listeners.hpp"
#include "common/host/name_servers.hpp"
#include "common/host/peer_address.hpp"
#include "common/os/file.hpp"
#include "common/protocol/worker_id.hpp"
#include "services/ctl/doctor/checks.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl::doctor {

namespace {

std::string nft_list() {
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> nft(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (nft == nullptr) return "";
  nft_ctx_output_set_flags(nft.get(), NFT_CTX_OUTPUT_JSON);
  nft_ctx_buffer_output(nft.get());
  nft_ctx_buffer_error(nft.get());
  if (nft_run_cmd_from_buffer(nft.get(), "list ruleset") != 0) return "";
  return nft_ctx_get_output_buffer(nft.get());
}

Finding firewall() {
  try {
    const auto text = nft_list();
    if (text.empty())
      return warning("firewall", "the rules can't be read",
                     "run the doctor as root, with nf_tables in the kernel (modprobe nf_tables)");
    const auto chains = dropping_chains(parse_json(text));
    if (chains.empty()) return ok("firewall", "nobody else drops what containers send");
    return warning(
        "firewall", join(chains, ", ") + " drops forwarded packets unless a rule there accepts them",
        "accept those of the containers there, for instance for Docker: iptables -I DOCKER-USER -s <garden-network-pool> "
        "-j ACCEPT, and the same with -d");
  } catch (const Error& e) {
    return warning("firewall", std::string("the rules can't be understood: ") + e.what(), "look yourself: nft list ruleset");
  }
}

Finding forwarding() {
  const auto on = trim(os::read_file("/proc/sys/net/ipv4/ip_forward").value_or("0")) == "1";
  if (on) return ok("forwarding", "net.ipv4.ip_forward is on");
  return warning("forwarding", "net.ipv4.ip_forward is off; Garden turns it on when it starts",
                 "if Garden runs, something turned it off again: sysctl -w net.ipv4.ip_forward=1");
}

Finding dns(const config::Values& settings) {
  const host::Reach reach{settings.flag("containerd-v6-enable"), settings.flag("garden-allow-host-access"), host::own_addresses()};
  return host::judge(host::name_servers(reach), !settings.list("garden-dns-server").empty(),
                     settings.flag("garden-dns-proxy-enable"));
}

// The device of the default route, and its largest packet.
Finding mtu(const config::Values& settings) {
  std::istringstream routes(os::read_file("/proc/net/route").value_or(""));
  std::string line;
  std::getline(routes, line);
  while (std::getline(routes, line)) {
    std::istringstream words(line);
    std::string device, destination;
    if (!(words >> device >> destination) || destination != "00000000") continue;
    const auto uplink = parse_i64(trim(os::read_file("/sys/class/net/" + device + "/mtu").value_or(""))).value_or(1500);
    const auto chosen = settings.integer("garden-mtu");
    if (chosen > uplink)
      return warning("MTU", "containers have " + std::to_string(chosen) + ", " + device + " only " + std::to_string(uplink),
                     "CONCOURSE_GARDEN_MTU=" + std::to_string(uplink) + ", or leave it unset to take the uplink's");
    return ok("MTU", std::to_string(chosen > 0 ? chosen : uplink) + " in containers, " + std::to_string(uplink) + " on " + device);
  }
  return warning("MTU", "there is no default route: containers reach nothing outside", "see ip route");
}

Finding links_of_others(const std::filesystem::path& runtime_dir) {
  std::vector<Link> links;
  for (const auto& name : os::list_directory("/sys/class/net"))
    links.emplace_back(name, parse_u64(trim(os::read_file("/sys/class/net/" + name + "/netdev_group").value_or(""))).value_or(0));
  return judge_links(runtime_dir.string(), links, os::read_file("/proc/net/unix").value_or(""));
}

}  // namespace

std::vector<std::string> dropping_chains(const Json& ruleset) {
  std::vector<std::string> chains;
  const auto* items = find_field(ruleset, "nftables");
  if (items == nullptr) return chains;
  for (const auto& item : *items) {
    const auto* chain = find_field(item, "chain");
    if (chain == nullptr || string_field(*chain, "hook") != "forward" || string_field(*chain, "policy") != "drop") continue;
    const auto table = string_field(*chain, "table");
    if (!table.starts_with("concourse_"))
      chains.push_back("chain " + string_field(*chain, "family") + " " + table + " " + string_field(*chain, "name"));
  }
  return chains;
}

Finding judge_links(const std::string& runtime_dir, const std::vector<Link>& links, const std::string& sockets) {
  std::map<std::uint64_t, std::vector<std::string>> others;
  for (const auto& [name, group] : links)
    if (name.starts_with(protocol::kLinkPrefix) && name.size() == 10 && group != protocol::worker_id(runtime_dir))
      others[group].push_back(name);
  if (others.empty()) return ok("links", "no other worker's");
  std::vector<std::string> told;
  for (const auto& [group, names] : others) {
    const auto claim = std::string("@") + protocol::kGardenClaim + std::to_string(group) + "/";
    const auto at = sockets.find(claim);
    const auto owner = at == std::string::npos
                           ? "no worker that runs (group " + std::to_string(group) + ")"
                           : "the worker of " + sockets.substr(at + claim.size(), sockets.find('\n', at) - at - claim.size());
    told.push_back(join(names, ", ") + " of " + owner);
  }
  return warning("links", join(told, "; ") + ": their addresses are passed over",
                 "give each worker a CONCOURSE_GARDEN_NETWORK_POOL of its own; what no worker has any more: ip link delete <link>");
}

Findings check_network(const std::filesystem::path& runtime_dir, const config::Values& settings) {
  Findings all{firewall(), forwarding(), links_of_others(runtime_dir), dns(settings), mtu(settings)};
  for (auto& finding : host::peer_streaming(settings, host::interface_addresses())) all.push_back(std::move(finding));
  return all;
}

Findings check_ports(const std::filesystem::path& runtime_dir, const config::Values& settings) {
  const auto& ip = settings.text("healthcheck-bind-ip");
  const auto port = settings.port("healthcheck-bind-port");
  const auto where = ip + ":" + std::to_string(port);
  const auto view = look(runtime_dir);
  for (const auto& service : view.services)
    if (service.name == "healthcheck" && service.up) return {ok("ports", where + " is served by the healthcheck")};
  try {
    daemon::listen_tcp(ip, port);
    return {ok("ports", where + " is free for the healthcheck")};
  } catch (const Error& e) {
    return {failure("ports", e.what(), "free it (ss -tlnp shows who has it), or set CONCOURSE_HEALTHCHECK_BIND_PORT")};
  }
}

Findings check_clock() {
  timex clock{};
  const bool synchronized = ::adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
  if (std::time(nullptr) < 1'700'000'000)  // November 2023: no machine of this worker is older
    return {failure("clock", "is years behind", "set it: timedatectl set-ntp true")};
  if (!synchronized) return {warning("clock", "nothing keeps it right", "timedatectl set-ntp true, or install chrony")};
  return {ok("clock", "is kept right")};
}

}  // namespace concourse::ctl::doctor
