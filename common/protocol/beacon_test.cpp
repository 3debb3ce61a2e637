#include "common/protocol/beacon.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::protocol::beacon;

TEST_CASE("drain mark: what is written is read") {
  CHECK(to_text({"landing", 12}) == "landing\n12\n");
  const auto mark = parse_drain_mark("retiring\n3\n");
  REQUIRE(mark);
  CHECK(mark->state == "retiring");
  CHECK(mark->since == 3);
}

TEST_CASE("drain mark: a deadline of its own is a third line") {
  CHECK(to_text({"landing", 12, 90}) == "landing\n12\n90\n");
  CHECK(parse_drain_mark("landing\n3\n90\n")->limit == 90);
  CHECK_FALSE(parse_drain_mark("landing\n3\n")->limit);
}

TEST_CASE("drain: a deadline is whole seconds, at least one") {
  CHECK_FALSE(deadline_seconds({{"command", "land"}}));
  CHECK(deadline_seconds({{"deadline_seconds", 90}}) == 90);
  for (const auto& bad : {Json(0), Json(-5), Json("90"), Json(1.5), Json(std::int64_t{1} << 60)}) {
    CAPTURE(bad.dump());
    CHECK_THROWS_AS(deadline_seconds({{"deadline_seconds", bad}}), Error);
  }
}

TEST_CASE("drain mark: lines of a later version are left alone") { CHECK(parse_drain_mark("landing\n3\nmore\n")->since == 3); }

TEST_CASE("drain mark: anything else is none") {
  for (const auto* text : {"", "landing", "running\n3\n", "landing\nsoon\n", "\n\n"}) CHECK_FALSE(parse_drain_mark(text));
}

TEST_CASE("drain mark: a start in the future is now") {
  CHECK(parse_drain_mark("landing\n99999999999\n")->since <= seconds_since_boot());
}
