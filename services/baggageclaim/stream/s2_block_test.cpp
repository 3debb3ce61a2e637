#include "services/baggageclaim/stream/s2_block.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

namespace {
std::string decode(std::initializer_list<int> bytes) {
  std::string block;
  for (const int byte : bytes) block += static_cast<char>(byte);
  return decode_s2_block(block, 1 << 20);
}
}  // namespace

TEST_CASE("s2 block: literals and all kinds of copies") {
  CHECK(decode({0}) == "");
  CHECK(decode({3, 2 << 2, 'a', 'b', 'c'}) == "abc");
  CHECK(decode({3, 60 << 2, 2, 'a', 'b', 'c'}) == "abc");
  CHECK(decode({7, 2 << 2, 'a', 'b', 'c', 1, 3}) == "abcabca");                     // near copy: length 4, offset 3
  CHECK(decode({8, 2 << 2, 'a', 'b', 'c', 4 << 2 | 2, 3, 0}) == "abcabcab");        // copy: length 5
  CHECK(decode({8, 2 << 2, 'a', 'b', 'c', 4 << 2 | 3, 2, 0, 0, 0}) == "abcbcbcb");  // far copy: repeats itself
}

TEST_CASE("s2 block: a copy at offset 0 repeats the last offset, with longer lengths") {
  CHECK(decode({11, 2 << 2, 'a', 'b', 'c', 1, 3, 1, 0}) == "abcabcabcab");                      // 4 more
  CHECK(decode({7 + 8 + 1, 2 << 2, 'a', 'b', 'c', 1, 3, 5 << 2 | 1, 0, 1}).size() == 16);       // 8 + 1
  CHECK(decode({0x8c, 0x02, 2 << 2, 'a', 'b', 'c', 1, 3, 6 << 2 | 1, 0, 1, 0}).size() == 268);  // 7 + 260 + 1
}

TEST_CASE("s2 block: what can't be is refused") {
  for (const auto& bad : std::initializer_list<std::initializer_list<int>>{
           {},                                    // no size
           {0x80},                                // a size cut off
           {3, 2 << 2, 'a', 'b'},                 // a literal cut off
           {2, 2 << 2, 'a', 'b', 'c'},            // longer than the block says
           {4, 2 << 2, 'a', 'b', 'c'},            // shorter than the block says
           {7, 2 << 2, 'a', 'b', 'c', 1, 4},      // a copy from before the beginning
           {7, 1, 0},                             // a repeat of nothing
           {7, 2 << 2, 'a', 'b', 'c', 1},         // a copy cut off
           {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},  // a size without end
           {0xff, 0xff, 0xff, 0x7f, 0},           // larger than allowed
       })
    CHECK_THROWS_AS(decode(bad), Error);
}
