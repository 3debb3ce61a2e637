#include "services/shim/events.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace concourse;
using namespace concourse::shim;

namespace {

struct Told {
  std::vector<Json> answers;
  Events::Listener listener() {
    return [this](Json told) { answers.push_back(std::move(told)); };
  }
};

}  // namespace

TEST_CASE("events: kept until they are confirmed, in order") {
  Events events;
  events.add("process started", {{"process", "p"}});
  events.add("process ended", {{"process", "p"}, {"status", 3}});
  Told first, next;
  events.listen(0, first.listener());
  REQUIRE(first.answers.size() == 1);
  const auto list = first.answers[0]["events"];
  REQUIRE(list.size() == 2);
  CHECK(list[0]["number"] == 1);
  CHECK(list[0]["event"] == "process started");
  CHECK(list[1]["status"] == 3);
  CHECK(list[0]["time"].get<std::int64_t>() <= list[1]["time"].get<std::int64_t>());

  events.listen(1, next.listener());  // another Garden, that knows of one
  REQUIRE(next.answers.size() == 1);
  CHECK(next.answers[0]["events"].size() == 1);
  CHECK(next.answers[0]["events"][0]["number"] == 2);
}

TEST_CASE("events: who has all of them hears of the next at once") {
  Events events;
  Told old, now;
  events.listen(0, old.listener());
  events.listen(0, now.listener());
  REQUIRE(old.answers.size() == 1);
  CHECK(old.answers[0]["events"].empty());
  CHECK(now.answers.empty());
  events.add("a", Json::object());
  CHECK(old.answers.size() == 1);
  REQUIRE(now.answers.size() == 1);
  CHECK(now.answers[0]["events"][0]["event"] == "a");
  CHECK(events.unconfirmed()["events"].size() == 1);
}

TEST_CASE("events: without a Garden the oldest are lost, and counted") {
  Events events;
  for (std::size_t i = 0; i < Events::kMost + 5; ++i) events.add("a", Json::object());
  CHECK(events.unconfirmed()["lost"] == 5);
  CHECK(events.unconfirmed()["events"].size() == Events::kMost);
  CHECK(events.unconfirmed()["events"][0]["number"] == 6);
  Told told;
  events.listen(6, told.listener());
  REQUIRE(told.answers.size() == 1);
  CHECK(told.answers[0]["lost"] == 0);
}
