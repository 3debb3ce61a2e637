#include "services/baggageclaim/strategies/strategy.hpp"

#include <doctest/doctest.h>

#include "services/baggageclaim/client_error.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

TEST_CASE("strategy: the three, and what they need") {
  CHECK_FALSE(parse_strategy(Json::parse(R"({"type":"empty"})"))->parent());
  CHECK_FALSE(parse_strategy(Json::parse(R"({"type":"empty"})"))->copies_data());
  CHECK(parse_strategy(Json::parse(R"({"type":"import","path":"/x","follow_symlinks":true})"))->copies_data());
  CHECK(parse_strategy(Json::parse(R"({"type":"cow","volume":"#pain"})"))->parent() == "#pain");
}

TEST_CASE("strategy: what can't be one is unprocessable") {
  for (const char* bad : {"null", "[]", "\"empty\"", "{}", R"({"type":1})", R"({"type":"magic"})", R"({"type":"cow"})",
                          R"({"type":"cow","volume":""})", R"({"type":"cow","volume":7})"}) {
    try {
      parse_strategy(Json::parse(bad));
      FAIL("accepted " << bad);
    } catch (const ClientError& e) {
      CHECK(e.status() == 422);
    }
  }
}
