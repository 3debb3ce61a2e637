#include "services/baggageclaim/promise_list.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::baggageclaim;

namespace {
protocol::baggageclaim::Volume volume(const std::string& handle) {
  return {handle, "/p", std::nullopt, false, std::nullopt, std::nullopt};
}
}  // namespace

TEST_CASE("promises: pending, then fulfilled until removed") {
  PromiseList promises;
  CHECK_FALSE(promises.poll("h"));
  const auto ticket = promises.begin("h");
  REQUIRE(ticket);
  CHECK(std::holds_alternative<std::monostate>(*promises.poll("h")));
  CHECK_FALSE(promises.begin("h"));
  CHECK(promises.fulfill("h", ticket, volume("h")));
  CHECK(std::get<protocol::baggageclaim::Volume>(*promises.poll("h")).handle == "h");
  CHECK_FALSE(promises.begin("h"));  // a repeated request is told the result by its poll
  CHECK(promises.remove("h"));
  CHECK_FALSE(promises.poll("h"));
  CHECK_FALSE(promises.remove("h"));
}

TEST_CASE("promises: a removed one tells its creation to stop, and whatever comes of it") {
  PromiseList promises;
  const auto ticket = promises.begin("h");
  CHECK_FALSE(ticket->stop_token().stop_requested());
  CHECK(promises.remove("h"));
  CHECK(ticket->stop_token().stop_requested());
  const auto second = promises.begin("h");
  CHECK_FALSE(promises.fulfill("h", ticket, volume("h")));
  CHECK(std::holds_alternative<std::monostate>(*promises.poll("h")));  // the second's
  promises.reject("h", ticket, {});
  CHECK(std::holds_alternative<std::monostate>(*promises.poll("h")));
  CHECK(promises.fulfill("h", second, volume("h")));
}

TEST_CASE("promises: at the end all are told to stop, and stay pending whatever comes of that") {
  PromiseList promises;
  const auto one = promises.begin("1"), two = promises.begin("2");
  promises.abandon();
  CHECK(one->stop_token().stop_requested());
  CHECK(two->stop_token().stop_requested());
  promises.reject("1", one, {500, "stopped"});
  CHECK(std::holds_alternative<std::monostate>(*promises.poll("1")));
  CHECK(promises.fulfill("2", two, volume("2")));
}

TEST_CASE("promises: a rejected one may be tried again") {
  PromiseList promises;
  promises.reject("h", promises.begin("h"), {422, "no"});
  CHECK(std::get<Rejection>(*promises.poll("h")).status == 422);
  CHECK(promises.begin("h"));
}

TEST_CASE("promises: a finished one that nobody fetches expires, a pending one doesn't") {
  PromiseList promises(Duration::zero());
  const auto pending = promises.begin("pending");
  CHECK(promises.fulfill("done", promises.begin("done"), volume("done")));
  const auto after = Clock::now() + std::chrono::milliseconds(1);
  while (Clock::now() < after) {
  }
  CHECK_FALSE(promises.poll("done"));
  CHECK(promises.poll("pending"));
  CHECK(promises.size() == 1);
}

TEST_CASE("promises: who waits for a pending one is woken by whatever ends it, and only then") {
  PromiseList promises;
  const auto ticket = promises.begin("h");
  const auto wait = [&] {
    auto wakeup = std::make_shared<http::Wakeup>();
    CHECK(promises.poll("h", wakeup));
    return wakeup;
  };

  const auto first = wait();
  { const auto gone = wait(); }
  CHECK_FALSE(first->woken());
  SUBCASE("made") { CHECK(promises.fulfill("h", ticket, volume("h"))); }
  SUBCASE("failed") { promises.reject("h", ticket, {}); }
  SUBCASE("removed") { CHECK(promises.remove("h")); }
  SUBCASE("the end") {
    promises.abandon();
    CHECK(wait()->woken());
  }
  CHECK(first->woken());
}
