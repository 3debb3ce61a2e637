#include "services/beacon/event_reader.hpp"

#include <doctest/doctest.h>

#include <string>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::beacon;

TEST_CASE("event reader: events come out whole, however the bytes come in") {
  const std::string text =
      "{\"event\":\"registered\"}\n{\"event\":\"heartbeated\"}\n\n{\"event\":\"news of "
      "tomorrow\",\"more\":1}\n{\"event\":\"heartbeated\"}\n";
  const std::vector<TsaEvent> all{TsaEvent::registered, TsaEvent::heartbeated, TsaEvent::heartbeated};
  CHECK(EventReader().feed(text) == all);

  EventReader slow;
  std::vector<TsaEvent> events;
  for (const char c : text)
    for (const auto event : slow.feed(std::string_view(&c, 1))) events.push_back(event);
  CHECK(events == all);
}

TEST_CASE("event reader: half an event is none") {
  EventReader reader;
  CHECK(reader.feed("{\"event\":\"registered\"}").empty());
  CHECK(reader.feed("\n") == std::vector<TsaEvent>{TsaEvent::registered});
}

TEST_CASE("event reader: what is no event is refused, and so is one without end") {
  CHECK_THROWS_WITH_AS(EventReader().feed("hello\n"), doctest::Contains("'hello'"), Error);
  CHECK_THROWS_AS(EventReader().feed("{\"event\":7}\n"), Error);
  CHECK_THROWS_AS(EventReader().feed(std::string(70 << 10, 'x')), Error);
}
