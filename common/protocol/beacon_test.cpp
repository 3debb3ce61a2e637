#include "common/protocol/beacon.hpp"

#include <doctest/doctest.h>

using namespace concourse::protocol::beacon;

TEST_CASE("drain mark: what is written is read") {
  CHECK(to_text({"landing", 12}) == "landing\n12\n");
  const auto mark = parse_drain_mark("retiring\n3\n");
  REQUIRE(mark);
  CHECK(mark->state == "retiring");
  CHECK(mark->since == 3);
}

TEST_CASE("drain mark: lines of a later version are left alone") { CHECK(parse_drain_mark("landing\n3\nmore\n")->since == 3); }

TEST_CASE("drain mark: anything else is none") {
  for (const auto* text : {"", "landing", "running\n3\n", "landing\nsoon\n", "\n\n"}) CHECK_FALSE(parse_drain_mark(text));
}

TEST_CASE("drain mark: a start in the future is now") {
  CHECK(parse_drain_mark("landing\n99999999999\n")->since <= seconds_since_boot());
}
