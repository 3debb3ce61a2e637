#include "services/beacon/backoff.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace concourse;
using namespace concourse::beacon;
using namespace std::chrono_literals;

TEST_CASE("back-off: random from the start, growing to its limit, and small again after a success") {
  Backoff backoff(1s, 5s, 30s);
  std::set<Duration> firsts;
  for (int i = 0; i < 20; ++i) {
    const auto first = backoff.next();
    CHECK(first >= 1s);
    CHECK(first <= 5s);
    firsts.insert(first);
    backoff.reset();
  }
  CHECK(firsts.size() > 1);

  Duration longest{};
  for (int i = 0; i < 200; ++i) {
    const auto wait = backoff.next();
    CHECK(wait >= 1s);
    CHECK(wait <= 30s);
    longest = std::max(longest, wait);
  }
  CHECK(longest > 10s);
}
