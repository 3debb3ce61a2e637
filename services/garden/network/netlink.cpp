#include "services/garden/network/netlink.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <exception>
#include <thread>

#include "common/base/error.hpp"

namespace concourse::garden {

namespace {

unsigned index_of(const std::string& link) {
  const unsigned index = if_nametoindex(link.c_str());
  if (index == 0) throw SysError("find network link '" + link + "'");
  return index;
}

// Calls `f` with every attribute behind a message's fixed part.
void for_each_attribute(const void* message, unsigned fixed_size, const std::function<void(const nlattr*)>& f) {
  const auto callback = [](const nlattr* attribute, void* context) {
    (*static_cast<const std::function<void(const nlattr*)>*>(context))(attribute);
    return static_cast<int>(MNL_CB_OK);
  };
  mnl_attr_parse(static_cast<const nlmsghdr*>(message), fixed_size, callback, const_cast<std::function<void(const nlattr*)>*>(&f));
}

}  // namespace

// One request being put together.
class Netlink::Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_)) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  template <typename T>
  T& body() {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  void text(std::uint16_t type, const std::string& value) { mnl_attr_put_strz(header_, type, value.c_str()); }
  void u32(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  void ip(std::uint16_t type, std::uint32_t address) { mnl_attr_put_u32(header_, type, htonl(address)); }
  void ip(std::uint16_t type, const Ipv6Address& address) {
    mnl_attr_put(header_, type, address.bytes.size(), address.bytes.data());
  }
  nlattr* nest(std::uint16_t type) { return mnl_attr_nest_start(header_, type); }
  void end(nlattr* nest) { mnl_attr_nest_end(header_, nest); }
  nlmsghdr* header() { return header_; }

 private:
  alignas(nlmsghdr) char buffer_[2048]{};
  nlmsghdr* header_;
};

Netlink::Netlink() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) {
  if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) throw SysError("open a netlink socket");
}

Netlink::~Netlink() { mnl_socket_close(socket_); }

void Netlink::transact(Message& message, const std::string& what, const std::function<void(const void*)>& on_reply) {
  const bool dump = (message.header()->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  if (!dump) message.header()->nlmsg_flags |= NLM_F_ACK;
  message.header()->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, message.header(), message.header()->nlmsg_len) < 0) throw SysError(what);
  char buffer[32768];
  const auto callback = [](const nlmsghdr* reply, void* context) {
    const auto& f = *static_cast<const std::function<void(const void*)>*>(context);
    if (f) f(reply);
    return static_cast<int>(MNL_CB_OK);
  };
  for (int state = MNL_CB_OK; state > MNL_CB_STOP;) {
    const auto n = mnl_socket_recvfrom(socket_, buffer, sizeof buffer);
    if (n < 0) throw SysError(what);
    state = mnl_cb_run(buffer, static_cast<std::size_t>(n), sequence_, mnl_socket_get_portid(socket_), callback,
                       const_cast<std::function<void(const void*)>*>(&on_reply));
    if (state < 0) throw SysError(what);
  }
}

void Netlink::add_veth(const std::string& name, std::uint32_t group, const std::string& peer, int peer_netns, int mtu) {
  Message m(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  auto& link = m.body<ifinfomsg>();
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  m.text(IFLA_IFNAME, name);
  m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  m.u32(IFLA_GROUP, group);
  auto* info = m.nest(IFLA_LINKINFO);
  m.text(IFLA_INFO_KIND, "veth");
  auto* data = m.nest(IFLA_INFO_DATA);
  auto* other = m.nest(VETH_INFO_PEER);
  m.body<ifinfomsg>();
  m.text(IFLA_IFNAME, peer);
  m.u32(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  m.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_netns));
  m.end(other);
  m.end(data);
  m.end(info);
  transact(m, "add network link '" + name + "'");
}

bool Netlink::delete_link(const std::string& name) {
  Message m(RTM_DELLINK, 0);
  m.body<ifinfomsg>();
  m.text(IFLA_IFNAME, name);
  try {
    transact(m, "delete network link '" + name + "'");
    return true;
  } catch (const SysError& e) {
    if (e.error_number() == ENODEV) return false;
    throw;
  }
}

void Netlink::set_up(const std::string& name) {
  Message m(RTM_NEWLINK, 0);
  auto& link = m.body<ifinfomsg>();
  link.ifi_index = static_cast<int>(index_of(name));
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  transact(m, "set network link '" + name + "' up");
}

void Netlink::add_address(const std::string& link, std::uint32_t address, int prefix) {
  Message m(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  auto& body = m.body<ifaddrmsg>();
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = static_cast<unsigned char>(prefix);
  body.ifa_index = index_of(link);
  m.ip(IFA_LOCAL, address);
  m.ip(IFA_ADDRESS, address);
  transact(m, "give an address to '" + link + "'");
}

void Netlink::add_route(const std::string& link, std::uint32_t destination, int prefix, std::uint32_t gateway) {
  Message m(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto& route = m.body<rtmsg>();
  route.rtm_family = AF_INET;
  route.rtm_dst_len = static_cast<unsigned char>(prefix);
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = gateway != 0 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  route.rtm_type = RTN_UNICAST;
  if (prefix > 0) m.ip(RTA_DST, destination);
  if (gateway != 0) {
    m.ip(RTA_GATEWAY, gateway);
    route.rtm_flags = RTNH_F_ONLINK;
  }
  m.u32(RTA_OIF, index_of(link));
  transact(m, "add a route by '" + link + "'");
}

void Netlink::add_address(const std::string& link, const Ipv6Address& address) {
  Message m(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  auto& body = m.body<ifaddrmsg>();
  body.ifa_family = AF_INET6;
  body.ifa_prefixlen = 128;
  body.ifa_index = index_of(link);
  m.ip(IFA_LOCAL, address);
  m.ip(IFA_ADDRESS, address);
  m.u32(IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
  transact(m, "give an IPv6 address to '" + link + "'");
}

void Netlink::add_route(const std::string& link, const Ipv6Range& destination, const std::optional<Ipv6Address>& gateway) {
  Message m(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto& route = m.body<rtmsg>();
  route.rtm_family = AF_INET6;
  route.rtm_dst_len = static_cast<unsigned char>(destination.prefix);
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNICAST;
  if (destination.prefix > 0) m.ip(RTA_DST, destination.base);
  if (gateway) {
    m.ip(RTA_GATEWAY, *gateway);
    route.rtm_flags = RTNH_F_ONLINK;
  }
  m.u32(RTA_OIF, index_of(link));
  transact(m, "add an IPv6 route by '" + link + "'");
}

std::vector<std::string> Netlink::links_in_group(std::uint32_t group) {
  std::vector<std::string> names;
  Message m(RTM_GETLINK, NLM_F_DUMP);
  m.body<ifinfomsg>();
  transact(m, "list network links", [&](const void* raw) {
    std::string name;
    bool ours = false;
    for_each_attribute(raw, sizeof(ifinfomsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) == IFLA_IFNAME) name = mnl_attr_get_str(attribute);
      if (mnl_attr_get_type(attribute) == IFLA_GROUP) ours = mnl_attr_get_u32(attribute) == group;
    });
    if (ours) names.push_back(name);
  });
  return names;
}

std::optional<std::uint32_t> Netlink::group_of(const std::string& link) {
  std::optional<std::uint32_t> group;
  Message m(RTM_GETLINK, 0);
  m.body<ifinfomsg>();
  m.text(IFLA_IFNAME, link);
  try {
    transact(m, "look for network link '" + link + "'", [&](const void* raw) {
      group = 0;
      for_each_attribute(raw, sizeof(ifinfomsg), [&](const nlattr* attribute) {
        if (mnl_attr_get_type(attribute) == IFLA_GROUP) group = mnl_attr_get_u32(attribute);
      });
    });
  } catch (const SysError& e) {
    if (e.error_number() != ENODEV) throw;
  }
  return group;
}

int Netlink::uplink_mtu() {
  unsigned uplink = 0;
  Message routes(RTM_GETROUTE, NLM_F_DUMP);
  routes.body<rtmsg>().rtm_family = AF_INET;
  transact(routes, "list routes", [&](const void* raw) {
    const auto* reply = static_cast<const nlmsghdr*>(raw);
    const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(reply));
    if (route->rtm_dst_len != 0 || route->rtm_table != RT_TABLE_MAIN || uplink != 0) return;
    for_each_attribute(raw, sizeof(rtmsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) == RTA_OIF) uplink = mnl_attr_get_u32(attribute);
    });
  });
  int mtu = 1500;
  if (uplink == 0) return mtu;
  Message link(RTM_GETLINK, 0);
  link.body<ifinfomsg>().ifi_index = static_cast<int>(uplink);
  transact(link, "read the uplink's MTU", [&](const void* raw) {
    for_each_attribute(raw, sizeof(ifinfomsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) == IFLA_MTU) mtu = static_cast<int>(mnl_attr_get_u32(attribute));
    });
  });
  return mtu;
}

void in_network_namespace(int netns, const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (setns(netns, CLONE_NEWNET) != 0) throw SysError("enter a container's network namespace");
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace concourse::garden
