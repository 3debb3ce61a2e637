#include <doctest/doctest.h>

#include "common/base/error.hpp"
#include "services/garden/network/address_pool.hpp"
#include "services/garden/network/etc_files.hpp"
#include "services/garden/network/firewall.hpp"
#include "services/garden/network/port_pool.hpp"
#include "services/garden/network/rules.hpp"

using namespace concourse;
using namespace concourse::garden;

TEST_CASE("address pool: round-robin, the gateway and the ends never, exhaustion named") {
  AddressPool pool(Ipv4Range::parse("10.1.2.0/29"));
  CHECK(ipv4_text(pool.gateway()) == "10.1.2.1");
  std::vector<std::string> got;
  for (int i = 0; i < 5; ++i) got.push_back(ipv4_text(pool.take()));
  CHECK(got == std::vector<std::string>{"10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"});
  CHECK_THROWS_WITH_AS(pool.take(), "network pool 10.1.2.0/29 has no free address", Error);
  pool.give_back(*parse_ipv4("10.1.2.4"));
  CHECK(ipv4_text(pool.take()) == "10.1.2.4");
  CHECK_THROWS_AS(pool.restore(*parse_ipv4("10.1.2.4")), Error);
  pool.restore(*parse_ipv4("192.168.7.7"));  // of a container that was made with another pool
}

TEST_CASE("address pool: what a client asks for, once, and never the host's own") {
  AddressPool pool(Ipv4Range::parse("10.1.2.0/24"));
  const auto take = [&](const char* wanted) { return ipv4_text(pool.take(wanted)); };
  CHECK(take("10.2.0.6/24") == "10.2.0.6");
  CHECK(take("10.2.0.0/30") == "10.2.0.2");
  CHECK(take("10.2.1.0") == "10.2.1.2");
  CHECK(take("10.3.0.0/29") == "10.3.0.2");
  CHECK(take("10.3.0.0/29") == "10.3.0.3");
  CHECK(take("10.1.2.2/24") == "10.1.2.2");
  CHECK(ipv4_text(pool.take()) == "10.1.2.3");
  CHECK_THROWS_WITH_AS(pool.take("10.2.0.6/24"), "network '10.2.0.6/24': the address is taken", Error);
  CHECK_THROWS_WITH_AS(pool.take("10.2.1.0"), "network '10.2.1.0' has no free address", Error);
  CHECK_THROWS_WITH_AS(pool.take("127.0.0.2/24"), "network '127.0.0.2/24': the address is taken", Error);
  for (const char* bad : {"x", "10.0.0.1/24", "10.0.0.255/24", "10.0.0.0/33", "10.0.0.0/32", "10.0.0.0/31", "fd00::/64"})
    CHECK_THROWS_AS(pool.take(bad), Error);
  pool.give_back(*parse_ipv4("10.2.0.6"));
  CHECK(take("10.2.0.6/24") == "10.2.0.6");
}

TEST_CASE("address pool: networks are checked") {
  CHECK(Ipv4Range::parse("10.1.2.3/16").text() == "10.1.0.0/16");
  CHECK(Ipv4Range::parse("1.2.3.4").text() == "1.2.3.4/32");
  for (const char* bad : {"", "x", "10.0.0.0/33", "10.0.0.0/", "fd00::/8", "10.0.0/8"})
    CHECK_THROWS_AS(Ipv4Range::parse(bad), Error);
  CHECK_THROWS_AS(AddressPool(Ipv4Range::parse("10.0.0.0/31")), Error);
}

TEST_CASE("resolv.conf: servers, then what is about the search") {
  CHECK(resolv_conf_text({"1.1.1.1", "fd00::1"}, {"search a b"}) == "nameserver 1.1.1.1\nnameserver fd00::1\nsearch a b\n");
}

TEST_CASE("hosts: localhost, the operator's lines, the container itself") {
  CHECK(hosts_text("h", {"10.80.0.7"}, {{"1.2.3.4 a b"}, {}, {}}) == "127.0.0.1 localhost\n1.2.3.4 a b\n10.80.0.7 h\n");
  CHECK(hosts_text("h", {"10.80.0.7", "fd00::2"}, {}) == "127.0.0.1 localhost\n10.80.0.7 h\nfd00::2 h\n");
  check_host_line("::1 name");
  for (const char* bad : {"", "1.2.3.4", "name 1.2.3.4"}) CHECK_THROWS_AS(check_host_line(bad), Error);
}

TEST_CASE("firewall: host access opens the input chain and nothing else") {
  const ContainerRules hermetic{"cw0a500009", *parse_ipv4("10.80.0.9"), true, {}, {}};
  const ContainerRules open_to_some{"cw0a500008",
                                    *parse_ipv4("10.80.0.8"),
                                    false,
                                    {{61001, 80}},
                                    netout_matches({{"protocol", 1}, {"ports", {{{"start", 22}}}}}, "h", false)};
  FirewallRules rules;
  rules.link_group = 7;
  rules.restricted = {Ipv4Range::parse("192.168.0.0/16")};
  rules.own = {hermetic, open_to_some};
  const auto closed = Firewall::script("t", rules);
  CHECK(closed.find("meta iifgroup 7 reject") != std::string::npos);
  CHECK(closed.find("elements = { 192.168.0.0/16 }") != std::string::npos);
  CHECK(closed.find("elements = { \"cw0a500009\" }") != std::string::npos);
  CHECK(closed.find("elements = { 61001 : 10.80.0.8 . 80 }") != std::string::npos);
  CHECK(closed.find("elements = { \"cw0a500008\" : jump out_cw0a500008 }") != std::string::npos);
  rules.allow_host_access = true;
  const auto open = Firewall::script("t", rules);
  CHECK(open.find("meta iifgroup 7 reject") == std::string::npos);
  CHECK(open.find("ip daddr @restricted reject") != std::string::npos);
}

TEST_CASE("firewall: without IPv6 none of it passes, with it what holds for IPv4 holds too") {
  FirewallRules rules;
  rules.link_group = 7;
  const auto off = Firewall::script("t", rules);
  CHECK(off.find("meta iifgroup 7 meta nfproto ipv6 drop") != std::string::npos);
  CHECK(off.find("nd-neighbor-solicit") == std::string::npos);
  CHECK(off.find("ff00::/8 masquerade") == std::string::npos);
  rules.ipv6 = true;
  rules.ipv6_restricted = {Ipv6Range::parse("fd00:ec2::254/128")};
  const auto on = Firewall::script("t", rules);
  CHECK(on.find("meta iifgroup 7 meta nfproto ipv6 fib saddr . iif oif missing drop") != std::string::npos);
  CHECK(on.find("elements = { fd00:ec2::254/128 }") != std::string::npos);
  CHECK(on.find("ip6 daddr @ipv6_restricted reject") != std::string::npos);
  CHECK(on.find("ff00::/8 masquerade") == std::string::npos);
  rules.ipv6_masquerade = true;
  CHECK(Firewall::script("t", rules).find("ff00::/8 masquerade") != std::string::npos);
}

TEST_CASE("net-out rules: every pair of network and ports, and what contradicts itself is refused") {
  const auto matches =
      netout_matches(parse_json(R"({"protocol":1,"networks":[{"start":"1.1.1.1"},{"start":"2.2.2.1","end":"2.2.2.9"}],
                                                     "ports":[{"start":80,"end":81},{"start":443,"end":443}],"log":true})"),
                     "handle", false);
  CHECK(matches.size() == 8);
  CHECK(matches[0] == "ip daddr 1.1.1.1 tcp dport 80-81 ct state new log prefix \"handle \"");
  CHECK(matches[7] == "ip daddr 2.2.2.1-2.2.2.9 tcp dport 443 accept");
  const auto first = [](const char* rule, bool ipv6) { return netout_matches(parse_json(rule), "h", ipv6).at(0); };
  CHECK(first("{}", false) == "accept");
  CHECK(first(R"({"protocol":2})", false) == "meta l4proto udp accept");
  CHECK(first(R"({"protocol":3})", false) == "ip protocol icmp accept");
  CHECK(first(R"({"protocol":3,"icmps":{"type":8,"code":0}})", false) == "icmp type 8 icmp code 0 accept");
  for (const char* bad :
       {R"({"protocol":0,"ports":[{"start":1}]})", R"({"protocol":9})", R"({"networks":[{"start":"x"}]})",
        R"({"networks":[{"start":"2.0.0.0","end":"1.0.0.0"}]})", R"({"protocol":1,"ports":[{"start":9,"end":1}]})", R"([])"})
    CHECK_THROWS_AS(netout_matches(parse_json(bad), "h", true), Error);
}

TEST_CASE("net-out rules: IPv6 is taken when there is some, and refused by name when there is none") {
  const auto first = [](const char* rule, bool ipv6) { return netout_matches(parse_json(rule), "h", ipv6).at(0); };
  const char* one = R"({"protocol":1,"networks":[{"start":"FD00::0:1","end":"fd00::9"}],"ports":[{"start":80}]})";
  CHECK(first(one, true) == "ip6 daddr fd00::1-fd00::9 tcp dport 80 accept");
  CHECK_THROWS_WITH_AS(first(one, false), "'fd00::1' is an IPv6 address, and containers have no IPv6: see --containerd-v6-enable",
                       Error);
  CHECK(first(R"({"protocol":4})", true) == "meta l4proto icmpv6 accept");
  CHECK(first(R"({"protocol":4,"icmps":{"type":128,"code":0}})", true) == "icmpv6 type 128 icmpv6 code 0 accept");
  CHECK_THROWS_WITH_AS(first(R"({"protocol":4})", false),
                       "protocol 4 is ICMPv6, and containers have no IPv6: see --containerd-v6-enable", Error);
  for (const char* bad :
       {R"({"networks":[{"start":"1.1.1.1","end":"fd00::1"}]})", R"({"networks":[{"start":"fd00::2","end":"fd00::1"}]})",
        R"({"protocol":3,"networks":[{"start":"fd00::1"}]})", R"({"protocol":4,"networks":[{"start":"1.1.1.1"}]})"})
    CHECK_THROWS_AS(first(bad, true), Error);
}

TEST_CASE("port pool: its own ports in turn, given ones once") {
  PortPool pool;
  CHECK(pool.take() == 61001);
  pool.take(61002);
  CHECK(pool.take() == 61003);
  CHECK_THROWS_WITH_AS(pool.take(61001), "host port 61001 is mapped already", Error);
  pool.give_back(61001);
  pool.take(61001);
}
