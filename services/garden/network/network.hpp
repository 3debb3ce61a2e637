// The network of containers: each has one end of a veth pair as eth0 with an address of its own (/32) and the pool's gateway as
// its only neighbour; the host routes that address to the other end. No bridge, so containers share no segment: what they send
// to each other passes the host's rules, and a strict reverse path filter drops packets with somebody else's address.
//
//   container  eth0 10.80.0.7/32, default by 10.80.0.1        host  cw0a500007 10.80.0.1/32, route 10.80.0.7 → cw0a500007
//
// With IPv6 the same link carries an address of the IPv6 pool (/128) in the same way; without, both ends have it off.
//
// Thread-safe. Everything is found again from the containers' records at start, and what belongs to none of them is removed.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "services/garden/network/address_pool.hpp"
#include "services/garden/network/firewall.hpp"
#include "services/garden/network/ipv6.hpp"
#include "services/garden/network/link_removal.hpp"
#include "services/garden/network/port_pool.hpp"

namespace concourse::garden {

struct Ipv6Settings {
  Ipv6Range pool;
  bool masquerade = true;  // else packets go out under the containers' addresses
  std::vector<Ipv6Range> restricted;
};

struct NetworkSettings {
  std::uint32_t id = 0;  // tells this worker's links and rules from another's on the same machine
  std::string owner;     // its runtime directory, for people who meet them
  Ipv4Range pool;
  int mtu = 0;  // 0: the uplink's
  bool allow_host_access = false;
  std::vector<Ipv4Range> restricted;
  std::optional<Ipv6Settings> ipv6;  // off unless asked for
  std::string external_ip;           // empty: the address of the route to outside
};

// What is kept of a container's network for as long as it lives.
struct ContainerNetwork {
  std::string handle;
  std::uint32_t address = 0;
  std::optional<Ipv6Address> ipv6;  // none, if it was made when IPv6 was off
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

  // Addresses for a container to be; give_back() ends it. `wanted` as a container spec's `network` has it; empty: any. One whose
  // link another worker has, or is about to make, is passed over.
  ContainerNetwork reserve(const std::string& handle, const std::string& wanted, bool hermetic);
  std::uint32_t gateway() const { return pool_.gateway(); }
  // Lets containers reach port 53 of the gateway.
  void open_name_server() { firewall_.open_name_server(gateway()); }
  std::uint64_t capacity() const;

  // Connects the namespace. After an error the caller disconnects, which takes away what has been made.
  void connect(const ContainerNetwork& container, int netns);
  // Undoes all of it; whatever is missing already is fine. The addresses and the ports stay taken, so that it can be called again.
  void disconnect(const ContainerNetwork& container);
  // Nothing of it is left: its addresses and ports may be another's. Once.
  void give_back(const ContainerNetwork& container);

  // Makes `wanted` true; a host port of 0 is one of the pool's, a container port of 0 the same as the host's.
  PortMapping map_port(std::uint32_t address, PortMapping wanted);
  // Lets the container reach what `rules` (an array of NetOutRules) say, whatever is denied to all. All or none of them.
  void allow(const ContainerNetwork& container, const Json& rules);
  std::string external_ip() const;  // of the host, as others see it

  static std::string link_name(std::uint32_t address);

 private:
  bool reserve_link(std::uint32_t address);
  void end_reservation(std::uint32_t address);

  const NetworkSettings settings_;
  AddressPool pool_;
  std::optional<Ipv6Pool> ipv6_pool_;
  PortPool ports_;
  Firewall firewall_;
  LinkRemoval links_;
  std::optional<UniqueFd> claim_;               // that this worker runs
  std::mutex mutex_;                            // guards reserved_
  std::map<std::uint32_t, UniqueFd> reserved_;  // claims of the links to be, until they are there
  int mtu_ = 1500;
};

}  // namespace concourse::garden
