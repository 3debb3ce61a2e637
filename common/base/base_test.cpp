#include <doctest/doctest.h>

#include "common/base/deadline.hpp"
#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/base/strings.hpp"

using namespace concourse;

TEST_CASE("strings: percent decoding") {
  CHECK(percent_decode("a%2Fb+c", true) == "a/b c");
  CHECK(percent_decode("a+b", false) == "a+b");
  CHECK_FALSE(percent_decode("%2", true));
  CHECK_FALSE(percent_decode("%zz", true));
  CHECK(percent_encode("a b/ü") == "a%20b%2f%c3%bc");
}

TEST_CASE("strings: whole numbers only") {
  CHECK(parse_u64("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"", " 1", "1 ", "-1", "+1", "18446744073709551616", "0x1"}) CHECK_FALSE(parse_u64(bad));
}

TEST_CASE("strings: plain names are safe path segments") {
  CHECK(is_plain_name("6f0c0f1e-3a1f-4d0b-5d0b-0c8a6b0c8f11"));
  for (const char* bad : {"", ".", "..", ".x", "-", "-rf", "--root", "a/b", "a b", "a\n", "\xc3\xbc"})
    CHECK_FALSE(is_plain_name(bad));
  CHECK_FALSE(is_plain_name(std::string(129, 'a')));
}

TEST_CASE("strings: UUIDs are version 4 and differ") {
  const auto a = make_uuid();
  CHECK(a.size() == 36);
  CHECK(a[14] == '4');
  CHECK(a != make_uuid());
}

TEST_CASE("json: the first value counts, hostile text is an error, keys match in any case") {
  CHECK(parse_json("{\"a\":1} trailing").at("a") == 1);
  CHECK(parse_json("\"x\"y") == "x");
  CHECK(parse_json(" 12 34") == 12);
  CHECK_THROWS_WITH_AS(parse_json(""), "EOF", Error);
  for (const char* bad : {"{", "{\"a\":}", "nope", "\"\xff\"", "{\"a\":1"}) CHECK_THROWS_AS(parse_json(bad), Error);
  CHECK_THROWS_AS(parse_json(std::string(100000, '[')), Error);

  const auto object = parse_json(R"({"Handle":"h","n":-1,"big":18446744073709551615,"nothing":null})");
  CHECK(string_field(object, "handle") == "h");
  CHECK(int_field(object, "n") == -1);
  CHECK(uint_field(object, "big") == UINT64_MAX);
  CHECK(string_field(object, "nothing", "fallback") == "fallback");
  CHECK_THROWS_WITH_AS(string_field(object, "n"), "field 'n' must be a string, not number", Error);
  CHECK_THROWS_AS(uint_field(object, "n"), Error);
}

TEST_CASE("json: printed as Go prints it") {
  CHECK(dump_json(Json{{"k", "<&>\xe2\x80\xa8"}}) == R"({"k":"\u003c\u0026\u003e\u2028"})");
  CHECK(dump_json(Json("\xff")) == "\"\xef\xbf\xbd\"");
}

TEST_CASE("strings: times for people are short") {
  CHECK(short_time(0) == "0s");
  CHECK(short_time(59) == "59s");
  CHECK(short_time(60) == "1m");
  CHECK(short_time(192) == "3m12s");
  CHECK(short_time(3600 * 5 + 180) == "5h3m");
  CHECK(short_time(86400 * 12 + 3600 * 4 + 59) == "12d4h");
}

TEST_CASE("deadline: says the time that was given, and by which flag") {
  using namespace std::chrono_literals;
  CHECK(Deadline::in(5min, "--garden-request-timeout").limit() == "5m0s (--garden-request-timeout)");
  CHECK(Deadline::in(300ms).limit() == "300ms");
  CHECK(Deadline::in(1h, "--long").or_in(2s).limit() == "2s");
  CHECK(Deadline::in(1s, "--short").or_in(2s).limit() == "1s (--short)");
  CHECK(Deadline::never().or_in(2s).limit() == "2s");
}
