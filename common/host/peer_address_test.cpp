#include "common/host/peer_address.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"
#include "common/config/groups.hpp"
#include "common/config/parser.hpp"

using namespace concourse;
using namespace concourse::host;

TEST_CASE("p2p url: the first address of the family on the first interface that matches") {
  const std::vector<InterfaceAddress> addresses{
      {"lo", "127.0.0.1", 4, false},  {"lo", "::1", 6, false},       {"eth0", "fe80::1", 6, true},   {"eth0", "10.0.0.5", 4, false},
      {"eth0", "10.0.0.6", 4, false}, {"eth0", "fd00::5", 6, false}, {"eth01", "10.0.1.1", 4, false}};
  CHECK(p2p_url(addresses, re2::RE2("eth0"), 4, 7788) == "http://10.0.0.5:7788");
  CHECK(p2p_url(addresses, re2::RE2("eth0"), 6, 7788) == "http://[fd00::5]:7788");
  CHECK(p2p_url(addresses, re2::RE2("th01$"), 4, 1) == "http://10.0.1.1:1");
  CHECK(p2p_url(addresses, re2::RE2("(?i)ETH0"), 4, 1) == "http://10.0.0.5:1");
  CHECK(p2p_url(addresses, re2::RE2(R"(^\pL+[[:digit:]]{2}\z)"), 4, 1) == "http://10.0.1.1:1");
  CHECK_THROWS_WITH_AS(p2p_url(addresses, re2::RE2("ens"), 4, 1), "failed to get p2p url, network interface list is empty", Error);
  CHECK_FALSE(interface_addresses().empty());
}

TEST_CASE("p2p url: that nobody listens on it is said") {
  const std::vector<InterfaceAddress> addresses{
      {"lo", "127.0.0.1", 4, false}, {"eth0", "10.0.0.5", 4, false}, {"eth0", "fd00::5", 6, false}};
  const auto judged = [&](std::vector<std::string> flags) {
    for (auto& flag : flags) flag.insert(0, "--baggageclaim-");
    const config::Program program{.name = "", .summary = "", .groups = {config::baggageclaim_group()}};
    const auto findings = peer_streaming(config::parse(program, flags, {}), addresses);
    if (findings.empty()) return std::string("not asked for");
    return (findings.at(0).verdict == Verdict::ok ? "OK " : "") + findings.at(0).what;
  };
  CHECK(judged({}) == "not asked for");
  CHECK(judged({"bind-ip=127.0.0.1"}) == "not asked for");
  CHECK(judged({"bind-ip=::1"}) == "not asked for");
  CHECK(judged({"bind-port=1"}) == "not asked for");
  for (const char* any : {"bind-ip=0.0.0.0", "bind-ip=::"}) {
    CHECK(judged({any}) == "OK peers are told http://10.0.0.5:7788");
    CHECK(judged({any, "p2p-interface-family=6", "bind-port=1"}) == "OK peers are told http://[fd00::5]:1");
  }
  CHECK(judged({"bind-ip=FD00:0::5", "p2p-interface-family=6"}) == "OK peers are told http://[fd00::5]:7788");
  CHECK(judged({"bind-ip=10.0.0.5", "p2p-interface-family=6"}) == "peers are told http://[fd00::5]:7788, where nobody listens");
  CHECK(judged({"p2p-interface-family=4"}) == "peers are told http://10.0.0.5:7788, where nobody listens");
  CHECK(judged({"bind-ip=127.0.0.1", "p2p-interface-family=4"}) == "peers are told http://10.0.0.5:7788, where nobody listens");
  CHECK(judged({"bind-ip=0.0.0.0", "p2p-interface-name-pattern=ens"}) ==
        "no interface whose name matches 'ens' has an IPv4 address: peers can't stream to this worker");
  CHECK(judged({"p2p-interface-name-pattern=("}).find("no interface whose name matches '('") == 0);
}
