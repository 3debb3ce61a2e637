#include "services/ctl/table.hpp"

#include <doctest/doctest.h>

using namespace concourse::ctl;

TEST_CASE("table: columns line up and the last one isn't padded") {
  CHECK(table({{"A", "LONG"}, {"longer", "x"}, {"", "y"}}) == "A       LONG\nlonger  x\n        y\n");
}

TEST_CASE("table: a name can't steer the terminal") { CHECK(table({{"a\x1b[2Jb\nc"}}) == "a?[2Jb?c\n"); }

TEST_CASE("table: times are short") {
  CHECK(short_time(0) == "0s");
  CHECK(short_time(59) == "59s");
  CHECK(short_time(60) == "1m");
  CHECK(short_time(192) == "3m12s");
  CHECK(short_time(3600 * 5 + 180) == "5h3m");
  CHECK(short_time(86400 * 12 + 3600 * 4 + 59) == "12d4h");
}
