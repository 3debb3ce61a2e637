#include "services/beacon/disk_pressure.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::beacon;

TEST_CASE("disk pressure: at once, then not too often, and at once again the next time") {
  const auto at = [start = Clock::now()](int seconds) { return start + std::chrono::seconds(seconds); };
  SweepPace pace;
  CHECK_FALSE(pace.due(false, at(0)));
  CHECK(pace.due(true, at(1)));
  CHECK_FALSE(pace.due(true, at(10)));
  CHECK(pace.due(true, at(11)));
  CHECK_FALSE(pace.due(false, at(12)));
  CHECK(pace.due(true, at(13)));
}
