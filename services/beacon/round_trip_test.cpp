#include "services/beacon/round_trip.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace std::chrono_literals;

TEST_CASE("round trip: from a question to its own answer, also when several are on the way") {
  beacon::RoundTrip trip;
  const Clock::time_point start{};
  CHECK_FALSE(trip.last());
  trip.sent(start);
  trip.unanswered(1, start + 1ms);
  CHECK_FALSE(trip.last());
  trip.sent(start + 5s);
  trip.unanswered(1, start + 6s);
  CHECK(trip.last() == Duration(6s));
  trip.unanswered(1, start + 7s);
  CHECK(trip.last() == Duration(6s));
  trip.unanswered(0, start + 7s);
  CHECK(trip.last() == Duration(2s));
}

TEST_CASE("round trip: answers to questions that nobody counted are no matter") {
  beacon::RoundTrip trip;
  trip.unanswered(3, Clock::time_point{} + 1s);
  trip.unanswered(0, Clock::time_point{} + 2s);
  CHECK_FALSE(trip.last());
}
