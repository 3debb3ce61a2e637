#include "common/encoding/base64.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace concourse;

TEST_CASE("base 64: there and back, with each padding") {
  for (const auto& [bytes, text] :
       {std::pair{"any carnal pleas", "YW55IGNhcm5hbCBwbGVhcw=="}, std::pair{"any carnal pleasu", "YW55IGNhcm5hbCBwbGVhc3U="},
        std::pair{"any carnal pleasur", "YW55IGNhcm5hbCBwbGVhc3Vy"}}) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
  CHECK_FALSE(base64_decode("YW5"));
}
