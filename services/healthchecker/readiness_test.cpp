#include "services/healthchecker/readiness.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::healthchecker;

namespace {

const Report kApisAreWell{{"garden", ""}, {"baggageclaim", ""}};

Statements all_well() {
  return {{"garden", {{{"containers", 2}, {"creations", {{"failures_in_a_row", 0}, {"last_made_ms", 4200}}}}, ""}},
          {"baggageclaim", {{{"disk", {{"free_bytes", 1ULL << 40}, {"free_inodes", 1 << 20}, {"inodes", 1 << 21}}}}, ""}},
          {"beacon",
           {{{"beacon",
              {{"state", "registered"},
               {"drain", ""},
               {"last_error", ""},
               {"current", {{"state", "registered"}, {"tsa", "ci:2222"}, {"heartbeat_age_ms", 3100}}}}}},
            ""}}};
}

Json reasons_of(const Statements& statements) { return readiness(statements, kApisAreWell)["reasons"]; }

}  // namespace

TEST_CASE("readiness: all is well, with the ages") {
  const auto verdict = readiness(all_well(), kApisAreWell);
  CHECK(verdict["ready"] == true);
  CHECK(verdict["reasons"].empty());
  CHECK(verdict["checks"]["registration"]["heartbeat_age_seconds"] == 3);
  CHECK(verdict["checks"]["garden"]["last_container_made_seconds_ago"] == 4);
}

TEST_CASE("readiness: each trouble has its reason") {
  CHECK(readiness(all_well(), {{"garden", "no answer within 5s"}, {"baggageclaim", ""}})["reasons"] ==
        Json{"garden: no answer within 5s"});
  auto s = all_well();
  s["garden"].answer["creations"] = {{"failures_in_a_row", 3}, {"error", "no address is left"}};
  CHECK(reasons_of(s) == Json{"garden: the last 3 containers could not be made: no address is left"});
  s = all_well();
  s["garden"].answer["creations"] = {{"failures_in_a_row", 2}, {"error", "x"}};
  CHECK(reasons_of(s).empty());
  s = all_well();
  s["baggageclaim"].answer["disk"]["free_bytes"] = 100 << 20;
  CHECK(reasons_of(s) == Json{"disk: only 100 MiB are free"});
  s = all_well();
  s["baggageclaim"].answer["disk"]["free_inodes"] = 7;
  CHECK(reasons_of(s) == Json{"disk: only 7 inodes are free"});
  s = all_well();
  s["baggageclaim"].answer["disk"] = {{"free_bytes", 1ULL << 40}, {"free_inodes", 0}, {"inodes", 0}};  // btrfs counts none
  CHECK(reasons_of(s).empty());
  s = all_well();
  s["beacon"].answer["beacon"]["current"]["heartbeat_age_ms"] = 61000;
  CHECK(reasons_of(s) == Json{"registration: no heartbeat for 61 s"});
  s["beacon"].answer["beacon"]["current"] = nullptr;
  s["beacon"].answer["beacon"]["state"] = "waiting";
  s["beacon"].answer["beacon"]["last_error"] = "ci:2222: Connection refused";
  CHECK(reasons_of(s) == Json{"registration: waiting: ci:2222: Connection refused"});
  s = all_well();
  s["beacon"].answer["beacon"]["drain"] = "landing";
  s["beacon"].answer["beacon"]["drain_progress"] = {{"waits_for", "a build"}};
  CHECK(reasons_of(s) == Json{"drain: landing, waits for a build"});
}

TEST_CASE("readiness: a disk below its marks is a warning first, then a reason") {
  auto s = all_well();
  auto& disk = s["baggageclaim"].answer["disk"];
  CHECK(readiness(s, kApisAreWell)["warnings"].empty());
  disk["state"] = "low";
  disk["why"] = "8.0 GiB are free";
  auto verdict = readiness(s, kApisAreWell);
  CHECK(verdict["ready"] == true);
  CHECK(verdict["warnings"] == Json{"disk: low: 8.0 GiB are free"});
  disk["state"] = "full";
  verdict = readiness(s, kApisAreWell);
  CHECK(verdict["ready"] == false);
  CHECK(verdict["reasons"] == Json{"disk: full, no volume is made: 8.0 GiB are free"});
  CHECK(verdict["warnings"].empty());
}

TEST_CASE("readiness: a service that says nothing, or something else, is no crash") {
  CHECK(readiness({}, {})["ready"] == false);
  CHECK(readiness({{"garden", {}}, {"baggageclaim", {Json::array(), ""}}, {"beacon", {{{"beacon", 5}}, ""}}},
                  kApisAreWell)["ready"] == false);
}

TEST_CASE("liveness: who doesn't answer is named") {
  CHECK(liveness(all_well())["live"] == true);
  auto s = all_well();
  s["beacon"] = {{}, "no answer in time"};
  CHECK(liveness(s)["reasons"] == Json{"beacon: no answer in time"});
}
