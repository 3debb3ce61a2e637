// A name server for containers, on the gateway's address only: it passes queries on to the host's own resolvers, which containers
// can't reach when those listen on the loopback. UDP and TCP; when no resolver answers it says SERVFAIL instead of nothing.
#pragma once

#include <thread>

#include "services/garden/dns/tcp_side.hpp"
#include "services/garden/dns/udp_side.hpp"

namespace concourse::garden::dns {

class DnsProxy {
 public:
  // Listens on `address`, which needn't be on a link yet, and serves on a thread of its own until it is dropped. Throws SysError
  // if the port is taken.
  DnsProxy(const std::string& address, std::filesystem::path resolv_conf = "/etc/resolv.conf", std::uint16_t port = 53);
  ~DnsProxy();

 private:
  EventLoop loop_;
  Resolvers resolvers_;
  UdpSide udp_;
  TcpSide tcp_;
  std::thread thread_;
};

}  // namespace concourse::garden::dns
