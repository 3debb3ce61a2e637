#include "services/beacon/occupancy.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::beacon;

TEST_CASE("occupancy: a container is busy while a process runs in it") {
  CHECK(busy_handles(parse_json(R"({"a":{"Info":{"ProcessIDs":["p"]},"Err":null},"b":{"Info":{"ProcessIDs":[]},"Err":null},
                                    "c":{"Info":{"ProcessIDs":null},"Err":{"Message":"gone"}}})")) ==
        std::vector<std::string>{"a"});
  CHECK(busy_handles(parse_json("{}")).empty());
}

TEST_CASE("occupancy: an answer that is something else is refused") {
  CHECK_THROWS_AS(busy_handles(parse_json("[]")), Error);
  CHECK_THROWS_AS(busy_handles(parse_json(R"({"a":{"Info":{"ProcessIDs":"p"}}})")), Error);
}

TEST_CASE("occupancy: in words, at most three by name") {
  CHECK(describe_busy({}).empty());
  CHECK(describe_busy({"a"}) == "1 container with a running process: a");
  CHECK(describe_busy({"a", "b", "c", "d"}) == "4 containers with running processes: a, b, c …");
}
