#include "services/ctl/table.hpp"

#include <doctest/doctest.h>

using namespace concourse::ctl;

TEST_CASE("table: columns line up and the last one isn't padded") {
  CHECK(table({{"A", "LONG"}, {"longer", "x"}, {"", "y"}}) == "A       LONG\nlonger  x\n        y\n");
}

TEST_CASE("table: a name can't steer the terminal") { CHECK(table({{"a\x1b[2Jb\nc"}}) == "a?[2Jb?c\n"); }
