// Routing netlink, by libmnl: links, addresses and routes, in this network namespace or in another one. Each call is one
// transaction with the kernel; errors are SysError naming what was tried.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/garden/network/ipv6.hpp"

struct mnl_socket;

namespace concourse::garden {

class Netlink {
 public:
  Netlink();
  ~Netlink();
  Netlink(const Netlink&) = delete;

  // A pair `name` (here, up, in interface group `group`) and `peer` (in the namespace `peer_netns`), both with that MTU.
  void add_veth(const std::string& name, std::uint32_t group, const std::string& peer, int peer_netns, int mtu);
  // False if there is no such link.
  bool delete_link(const std::string& name);
  void set_up(const std::string& name);
  // `address`/`prefix` on the link; a /32 makes no route.
  void add_address(const std::string& link, std::uint32_t address, int prefix);
  // At once usable: without asking the link's others whether they have it, and without a route.
  void add_address(const std::string& link, const Ipv6Address& address);
  // To `destination`/`prefix` through the link, by `gateway` if it isn't 0 (which needn't be in a subnet of the link).
  void add_route(const std::string& link, std::uint32_t destination, int prefix, std::uint32_t gateway);
  void add_route(const std::string& link, const Ipv6Range& destination, const std::optional<Ipv6Address>& gateway);
  // Of the link; nothing if there is none of that name.
  std::optional<std::uint32_t> group_of(const std::string& link);
  // The names of the links in an interface group.
  std::vector<std::string> links_in_group(std::uint32_t group);
  // MTU of the link that the default route uses; 1500 if there is none.
  int uplink_mtu();

 private:
  class Message;
  void transact(Message& message, const std::string& what, const std::function<void(const void* nlmsg)>& on_reply = nullptr);

  mnl_socket* socket_;
  std::uint32_t sequence_ = 1;
};

// Runs `work` in the network namespace `netns`, on a thread of its own, and waits for it. What it throws is thrown here.
void in_network_namespace(int netns, const std::function<void()>& work);

}  // namespace concourse::garden
