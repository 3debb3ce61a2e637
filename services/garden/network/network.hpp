// The network of containers: each has one end of a veth pair as eth0 with an address of its own (/32) and the pool's gateway as
// its only neighbour; the host routes that address to the other end. No bridge, so containers share no segment: what they send
// to each other passes the host's rules, and a strict reverse path filter drops packets with somebody else's address.
//
//   container  eth0 10.80.0.7/32, default by 10.80.0.1        host  cw0a500007 10.80.0.1/32, route 10.80.0.7 → cw0a500007
//
// Thread-safe. Everything is found again from the containers' records at start, and what belongs to none of them is removed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/garden/network/address_pool.hpp"
#include "services/garden/network/firewall.hpp"
#include "services/garden/network/port_pool.hpp"

namespace concourse::garden {

struct NetworkSettings {
  std::uint32_t id = 0;  // tells this worker's links and rules from another's on the same machine
  Ipv4Range pool;
  int mtu = 0;  // 0: the uplink's
  bool allow_host_access = false;
  bool dns_proxy = false;  // names are served on the gateway's address
  std::vector<Ipv4Range> restricted;
  std::string external_ip;  // empty: the address of the route to outside
};

// What is kept of a container's network for as long as it lives.
struct ContainerNetwork {
  std::string handle;
  std::uint32_t address = 0;
  bool hermetic = false;
  std::vector<PortMapping> ports;
  Json netout = Json::array();  // NetOutRules
};

class Network {
 public:
  explicit Network(NetworkSettings settings);

  // Forwarding on, rules in place, addresses of the living containers taken, links without a container removed. A living
  // container keeps its address when the pool has been changed.
  void start(const std::vector<ContainerNetwork>& living);
  // Removes rules; only when no container is left.
  void stop();

  // `wanted` as a container spec's `network` has it; empty: any.
  std::uint32_t take_address(const std::string& wanted) { return wanted.empty() ? pool_.take() : pool_.take(wanted); }
  std::uint32_t gateway() const { return pool_.gateway(); }
  std::uint32_t capacity() const { return pool_.range().size() - 3; }

  // Connects the namespace. On an error nothing of it is left but the address, which the caller gives back.
  void connect(const ContainerNetwork& container, int netns);
  // Undoes all of it; whatever is missing already is fine. The address and the ports stay taken, so that it can be called again.
  void disconnect(const ContainerNetwork& container);
  // Nothing of it is left: its address and ports may be another's. Once.
  void give_back(const ContainerNetwork& container);

  // Makes `wanted` true; a host port of 0 is one of the pool's, a container port of 0 the same as the host's.
  PortMapping map_port(std::uint32_t address, PortMapping wanted);
  // Lets the container reach what `rules` (an array of NetOutRules) say, whatever is denied to all. All or none of them.
  void allow(const ContainerNetwork& container, const Json& rules);
  std::string external_ip() const;  // of the host, as others see it

  static std::string link_name(std::uint32_t address);

 private:
  const NetworkSettings settings_;
  AddressPool pool_;
  PortPool ports_;
  Firewall firewall_;
  int mtu_ = 1500;
};

}  // namespace concourse::garden
