#include "services/baggageclaim/uidgid/id_map.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

namespace {
constexpr std::uint32_t kHighest = 4294967294;
}

TEST_CASE("id map: the lines cover every id once, in order") {
  CHECK(IdPermutation().kernel_lines(kHighest) == "0 0 4294967295\n");
  CHECK(IdPermutation::swap(0, kHighest).kernel_lines(kHighest) == "0 4294967294 1\n1 1 4294967293\n4294967294 0 1\n");
  CHECK(IdPermutation::swap(0, 1000).kernel_lines(5000) == "0 1000 1\n1 1 999\n1000 0 1\n1001 1001 4000\n");
  CHECK(IdPermutation::swap(7, 7).is_identity());
}

TEST_CASE("id map: one map after the other is a map again, and a swap undoes itself") {
  const auto shift = IdPermutation::swap(0, kHighest), own = IdPermutation::swap(0, 1000);

  const auto both = own.then(shift);  // stored 0 -> container's 1000; stored 1000 -> container's 0 -> shown as max
  CHECK(both(0) == 1000);
  CHECK(both(1000) == kHighest);
  CHECK(both(kHighest) == 0);
  CHECK(both(5) == 5);
  CHECK(shift.then(shift).is_identity());
  CHECK(IdPermutation::from_pairs(both.pairs()) == both);
}

TEST_CASE("id map: pairs that lose or double an id are refused") {
  CHECK_THROWS_AS(IdPermutation::from_pairs({{0, 1}}), Error);
  CHECK_THROWS_AS(IdPermutation::from_pairs({{0, 1}, {1, 1}}), Error);
  CHECK_THROWS_AS(IdPermutation::from_pairs({{0, 1}, {0, 2}}), Error);
  CHECK(IdPermutation::from_pairs({{3, 3}}).is_identity());
}
