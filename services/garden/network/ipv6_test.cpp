#include "services/garden/network/ipv6.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::garden;

TEST_CASE("IPv6 networks are checked, and end where their prefix does") {
  CHECK(Ipv6Range::parse("fd9c:31a6:c759::/64").text() == "fd9c:31a6:c759::/64");
  CHECK(Ipv6Range::parse("fd00::ffff/121").text() == "fd00::ff80/121");
  CHECK(Ipv6Range::parse("::/0").text() == "::/0");
  CHECK(Ipv6Range::parse("FD00::1").text() == "fd00::1/128");
  for (const char* bad : {"", "x", "10.0.0.0/8", "fd00::/129", "fd00::/", "fd00::/-1", "fd00::%eth0/64"})
    CHECK_THROWS_AS(Ipv6Range::parse(bad), Error);
}

TEST_CASE("IPv6 pool: round-robin, the network's address and the gateway never, exhaustion named") {
  Ipv6Pool pool(Ipv6Range::parse("fd00::10/125"));
  CHECK(pool.gateway().text() == "fd00::11");
  CHECK(pool.capacity() == 6);
  std::vector<std::string> got;
  for (int i = 0; i < 6; ++i) got.push_back(pool.take().text());
  CHECK(got == std::vector<std::string>{"fd00::12", "fd00::13", "fd00::14", "fd00::15", "fd00::16", "fd00::17"});
  CHECK_THROWS_WITH_AS(pool.take(), "IPv6 pool fd00::10/125 has no free address", Error);
  pool.give_back(*parse_ipv6("fd00::14"));
  CHECK(pool.take().text() == "fd00::14");
  CHECK_THROWS_WITH_AS(pool.restore(*parse_ipv6("fd00::14")), "address fd00::14 is taken", Error);
  pool.give_back(*parse_ipv6("fd00::12"));
  pool.give_back(*parse_ipv6("fd00::15"));
  CHECK(pool.take().text() == "fd00::15");   // the one given back first waits its turn
  pool.restore(*parse_ipv6("2001:db8::7"));  // of a container that was made with another pool
}

TEST_CASE("IPv6 pool: a living container's address is not given to another") {
  Ipv6Pool pool(Ipv6Range::parse("fd00:1::/64"));
  CHECK(pool.capacity() > 1'000'000'000'000);
  pool.restore(*parse_ipv6("fd00:1::2"));
  CHECK(pool.take().text() == "fd00:1::3");
}

TEST_CASE("IPv6 pool: too small ones and addresses that no router takes are refused") {
  CHECK(Ipv6Pool(Ipv6Range::parse("fd00::/126")).capacity() == 2);
  CHECK_THROWS_WITH_AS(Ipv6Pool(Ipv6Range::parse("fd00::/127")),
                       "IPv6 pool fd00::/127 has no room for a container: at least a /126 is needed", Error);
  for (const char* bad : {"::/64", "::ffff:10.0.0.0/112", "fe80::/64", "ff00::/64"})
    CHECK_THROWS_AS(Ipv6Pool(Ipv6Range::parse(bad)), Error);
  CHECK(Ipv6Pool(Ipv6Range::parse("2001:db8::/32")).gateway().text() == "2001:db8::1");
}
