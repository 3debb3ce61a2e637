// Where containers look names up: the servers that were given, the host's that they can reach, or, where there are none of these
// or it is asked for, the proxy on port 53 of their gateway, which asks the host's. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "common/host/name_servers.hpp"
#include "services/garden/dns/dns_proxy.hpp"
#include "services/garden/network/network.hpp"
#include "services/garden/options.hpp"

namespace concourse::garden::dns {

// The host's servers, as far as this Garden's containers are concerned.
host::NameServers host_name_servers(const Options& options);

class NameService {
 public:
  NameService(const Options& options, Network& network) : options_(options), network_(network) {}  // both outlive it

  // Once the network has been started. The proxy runs from now on if it is asked for (then a port that is taken is an error) or if
  // a container that is found again may need it; else from the first container that does.
  void start();

  // A container's /etc/resolv.conf; empty if it is hermetic.
  std::string resolv_conf(bool hermetic);

 private:
  void serve();
  std::string gateway() const { return ipv4_text(network_.gateway()); }

  const Options& options_;
  Network& network_;
  std::mutex mutex_;  // guards proxy_ and served_
  std::optional<DnsProxy> proxy_;
  bool served_ = false;
};

}  // namespace concourse::garden::dns
