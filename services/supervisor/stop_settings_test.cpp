#include "services/supervisor/stop_settings.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::supervisor;

namespace {

std::vector<std::string> wrong(const std::string& mode, const std::string& deadline) {
  return wrong_stop_settings({{"CONCOURSE_STOP_MODE", mode}, {"CONCOURSE_STOP_DEADLINE", deadline}});
}

}  // namespace

TEST_CASE("stop settings: none, empty ones and good ones") {
  CHECK(wrong_stop_settings({}).empty());
  CHECK(wrong("", "").empty());
  CHECK(wrong("land", "1s").empty());
  CHECK(wrong("retire", "1h30m").empty());
}

TEST_CASE("stop settings: each mistake is named with its variable and value") {
  for (const std::string mode : {"lnad", "stop", "LAND", " land"}) {
    const auto told = wrong(mode, "");
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("$CONCOURSE_STOP_MODE is '" + mode + "'"));
  }
  for (const std::string deadline : {"0", "999ms", "-5m", "soon", "5", "2 h"}) {
    const auto told = wrong("land", deadline);
    REQUIRE(told.size() == 1);
    CHECK(told[0].starts_with("$CONCOURSE_STOP_DEADLINE"));
    CHECK(told[0].find("'" + deadline + "'") != std::string::npos);
  }
  CHECK(wrong("x", "y").size() == 2);
}
