#include "services/supervisor/drain.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"
#include "common/protocol/beacon.hpp"

using namespace concourse;
using namespace concourse::supervisor;

TEST_CASE("drain: the beacon's exit status says whether the worker is done") {
  CHECK(meaning_of(os::ExitStatus{protocol::beacon::kExitLanded, 0}) == BeaconEnd::landed);
  CHECK(meaning_of(os::ExitStatus{protocol::beacon::kExitRetired, 0}) == BeaconEnd::retired);
  CHECK(meaning_of(os::ExitStatus{protocol::beacon::kExitGone, 0}) == BeaconEnd::let_go);
  CHECK(meaning_of(os::ExitStatus{protocol::beacon::kExitDrainTimeout, 0}) == BeaconEnd::drain_timeout);
  for (const int crash : {protocol::beacon::kExitStopped, 1, 2, 139})
    CHECK(meaning_of(os::ExitStatus{crash, 0}) == BeaconEnd::crashed);
  CHECK(meaning_of(os::ExitStatus{protocol::beacon::kExitLanded, 9}) == BeaconEnd::crashed);
  CHECK(meaning_of(std::nullopt) == BeaconEnd::crashed);
}

TEST_CASE("drain: ways to drain have names") {
  CHECK(parse_drain_mode("land") == DrainMode::land);
  CHECK(parse_drain_mode("retire") == DrainMode::retire);
  CHECK_THROWS_WITH_AS(parse_drain_mode("x"), "'x' is not a way to drain: land, retire, stop or cancel", Error);
}
