// The nftables table of this worker, made whole in one transaction at start and removed whole when it isn't needed any more.
// Nobody else's table or chain is ever touched.
//
// Containers' links are recognised by their interface group, so that nothing has to change when a container comes or goes, except
// for hermetic ones, whose links are in a set, and for those with mapped ports or exceptions of their own. A rule that goes by the
// link holds for IPv4 and IPv6, whatever address a packet claims.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "services/garden/network/address_pool.hpp"
#include "services/garden/network/ipv6.hpp"
#include "services/garden/network/rules.hpp"

struct nft_ctx;  // libnftables

namespace concourse::garden {

// What one container has of its own.
struct ContainerRules {
  std::string link;  // the host's end
  std::uint32_t address = 0;
  bool hermetic = false;
  std::vector<PortMapping> ports;
  std::vector<std::string> exceptions;  // netout_matches()
};

struct FirewallRules {
  std::uint32_t link_group = 0;
  bool allow_host_access = false;
  std::vector<Ipv4Range> restricted;  // containers can't reach these
  bool ipv6 = false;                  // else not one packet of it goes from a container to anywhere
  bool ipv6_masquerade = false;
  std::vector<Ipv6Range> ipv6_restricted;
  std::vector<ContainerRules> own;
};

class Firewall {
 public:
  // `name`: of the table, unique to this worker.
  explicit Firewall(std::string name) : name_(std::move(name)) {}

  void install(const FirewallRules& rules);
  void remove();

  void add_hermetic(const std::string& link);
  // Containers may ask it for names, however closed the host is.
  void open_name_server(std::uint32_t address);
  void map_port(std::uint32_t address, PortMapping mapping);
  void add_exceptions(const std::string& link, const std::vector<std::string>& matches);
  // Takes away all that the container has of its own; what isn't there is fine.
  void forget(const ContainerRules& container);

  // The transaction of install(), as nft(8) would read it.
  static std::string script(const std::string& name, const FirewallRules& rules);

 private:
  void run(const std::string& commands, const std::string& what);

  struct Free {
    void operator()(nft_ctx* context) const;
  };

  const std::string name_;
  std::mutex mutex_;  // libnftables isn't made for several threads
  // Kept, because the kernel lets whoever closes the socket of a change wait for what the change has freed: some milliseconds.
  std::unique_ptr<nft_ctx, Free> context_;
};

}  // namespace concourse::garden
