#include "services/ctl/details.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::ctl;

TEST_CASE("details: what matters of each service") {
  CHECK(details("garden", {{"containers", 3}, {"oom_kills", 0}}) == "3 containers");
  CHECK(details("garden", {{"containers", 3}, {"oom_kills", 2}}) == "3 containers, 2 processes killed for memory");
  CHECK(details("baggageclaim",
                {{"driver", "overlay"}, {"volumes", {{"live", 7}, {"quarantined", 1}}}, {"creations", 0}, {"requests", 2}}) ==
        "driver overlay, 7 volumes, 1 quarantined, 2 requests");
  CHECK(details("baggageclaim", {{"driver", "naive"}, {"disk", {{"state", "ok"}}}}) == "driver naive");
  CHECK(details("baggageclaim", {{"driver", "naive"}, {"disk", {{"state", "full"}, {"why", "1.0 MiB are free"}}}}) ==
        "driver naive, disk full: 1.0 MiB are free");
  CHECK(details("beacon", {{"beacon",
                            {{"state", "registered"},
                             {"name", "w"},
                             {"channels", 2},
                             {"last_error", ""},
                             {"current", {{"tsa", "ci:2222"}, {"heartbeat_age_ms", 12500}}}}}}) ==
        "registered, as w, at ci:2222, heartbeat 12s ago, 2 connections");
  CHECK(details("healthcheck", {{"checks", 10}, {"failed_checks", 0}}) == "10 checks, 0 failed");
}

TEST_CASE("details: how a drain goes on") {
  CHECK(drain_progress({{"beacon", {{"drain_progress", {{"waits_for", "a build"}, {"seconds", 3}, {"seconds_left", 90}}}}}}) ==
        "waits for a build, ends in 1m30s at the latest");
  CHECK(drain_progress({{"beacon", {{"drain_progress", {{"waits_for", "a build"}, {"seconds", 3}}}}}}) == "waits for a build");
  CHECK(drain_progress({{"beacon", {{"state", "registered"}}}}) == "");
}

TEST_CASE("details: an answer of another version is no trouble") {
  for (const char* service : {"garden", "baggageclaim", "beacon", "healthcheck", "other"}) {
    CHECK(details(service, Json::object()) == "");
    CHECK(details(service, {{"containers", "many"}, {"driver", 1}, {"volumes", 5}, {"beacon", "x"}, {"checks", Json::array()}}) ==
          "");
  }
}
