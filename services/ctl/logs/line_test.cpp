#include "services/ctl/logs/line.hpp"

#include <doctest/doctest.h>

using namespace concourse::ctl;

TEST_CASE("logs: one of ours is taken apart and told readably") {
  const auto line = parse_log_line(
      R"({"timestamp":"2026-08-07T10:00:00.123456789Z","level":"info","source":"garden","message":"garden.container created","data":{"handle":"h","ms":43}})");
  REQUIRE(line);
  CHECK(line->message == "container created");
  CHECK(to_text(*line) == "10:00:00.123 info  garden       container created  handle=h ms=43");
  CHECK(to_text(*line, "+1.0 s").starts_with("+1.0 s info "));
}

TEST_CASE("logs: what else stands there is no line of ours") {
  for (const char* text : {"", "plain", "{", R"({"a":1})", R"({"timestamp":5})"}) CHECK_FALSE(parse_log_line(text));
}

TEST_CASE("logs: a line can't steer the terminal") {
  const auto line = parse_log_line(R"({"timestamp":"2026-08-07T10:00:00Z","level":"info","source":"s","message":"s.\u001b[2J"})");
  REQUIRE(line);
  CHECK(to_text(*line).find('\x1b') == std::string::npos);
}

TEST_CASE("logs: time between lines, over midnight too") {
  CHECK(seconds_between("2026-08-07T23:59:59.5Z", "2026-08-08T00:00:01.0Z") == doctest::Approx(1.5));
  CHECK(seconds_between("yesterday", "2026-08-08T00:00:01.0Z") == 0);
}
