#include "common/protocol/baggageclaim.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::protocol::baggageclaim;

TEST_CASE("baggageclaim protocol: a volume request as the ATC sends it") {
  const auto request = parse_volume_request(
      R"({"handle":"h","strategy":{"type":"cow","volume":"p"},"properties":null,"uid":-1,"gid":-1,"unknown":[1]})");
  CHECK(request.handle == "h");
  CHECK(string_field(request.strategy, "volume") == "p");
  CHECK_FALSE(request.properties);
  CHECK_FALSE(request.privileged);
  CHECK(request.uid == -1);
  CHECK(request.gid == -1);
}

TEST_CASE("baggageclaim protocol: absent fields have their defaults, wrong types are named") {
  const auto empty = parse_volume_request("{}");
  CHECK(empty.handle.empty());
  CHECK(empty.strategy.is_null());
  CHECK_FALSE(empty.uid);
  for (const char* bad : {"", "[]", "{\"handle\":1}", "{\"properties\":{\"a\":1}}", "{\"properties\":[]}", "{\"privileged\":\"x\"}",
                          "{\"uid\":1.5}", "{"})
    CHECK_THROWS_AS_MESSAGE(parse_volume_request(bad), Error, bad);
}

TEST_CASE("baggageclaim protocol: a volume is printed as the peer prints it") {
  Volume volume{.handle = "h", .path = "/v/live/h/volume", .properties = std::nullopt, .privileged = true, .uid = {}, .gid = {}};
  CHECK(to_json(volume) == R"({"handle":"h","path":"/v/live/h/volume","properties":null,"privileged":true})");
  volume.properties = Properties{{"b", "<2>"}, {"a", "1"}};
  volume.uid = volume.gid = -1;
  CHECK(to_json(std::vector{volume}) ==
        "[{\"handle\":\"h\",\"path\":\"/v/live/h/volume\",\"properties\":{\"a\":\"1\",\"b\":\"\\u003c2\\u003e\"},"
        "\"privileged\":true,\"uid\":-1,\"gid\":-1}]");
  CHECK(to_json(std::vector<Volume>{}) == "[]");
}

TEST_CASE("baggageclaim protocol: the small bodies") {
  CHECK(parse_property_request(R"({"value":"v"})") == "v");
  CHECK(parse_privileged_request(R"({"Value":true})"));
  CHECK(parse_destroy_request(R"(["a","b"])") == std::vector<std::string>{"a", "b"});
  CHECK(parse_destroy_request("null").empty());
  CHECK_THROWS_AS(parse_destroy_request(R"({"a":1})"), Error);
  CHECK_THROWS_AS(parse_privileged_request(R"({"value":1})"), Error);
  CHECK(error_json("a\"b") == R"({"error":"a\"b"})");
}
