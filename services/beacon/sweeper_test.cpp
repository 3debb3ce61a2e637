#include "services/beacon/sweeper.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::beacon;

using Handles = std::vector<std::string>;

TEST_CASE("sweeper: only a list that is surely whole gives handles") {
  const auto containers = container_sweep().handles_of;
  CHECK(containers(parse_json(R"({"Handles":["a","b"]})")) == Handles{"a", "b"});
  CHECK(containers(parse_json(R"({"Handles":[]})")).empty());
  CHECK(containers(parse_json(R"({"Handles":null})")).empty());
  for (const char* bad :
       {"{}", "null", "[]", R"({"Handles":"a"})", R"({"Handles":["a",1]})", R"({"Handles":["a",""]})", R"({"handles":["a"]})"})
    CHECK_THROWS_AS(containers(parse_json(bad)), Error);

  const auto volumes = volume_sweep().handles_of;
  CHECK(volumes(parse_json(R"([{"handle":"a","path":"/x"},{"handle":"b"}])")) == Handles{"a", "b"});
  CHECK(volumes(parse_json("[]")).empty());
  CHECK(volumes(parse_json("null")).empty());
  for (const char* bad :
       {"{}", R"("a")", R"(["a"])", R"([{"path":"/x"}])", R"([{"handle":""}])", R"([{"handle":"a"},{"handle":null}])"})
    CHECK_THROWS_AS(volumes(parse_json(bad)), Error);
}
