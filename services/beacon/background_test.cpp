#include "services/beacon/background.hpp"

#include <doctest/doctest.h>

#include "common/testing/no_threads.hpp"

using namespace concourse;
using namespace concourse::beacon;

namespace {

// What came of `work`.
template <typename Work>
std::pair<std::optional<int>, std::string> outcome_of(const Work& work, bool threads = true) {
  EventLoop loop;
  Background background(loop);
  const auto owner = std::make_shared<int>();
  std::pair<std::optional<int>, std::string> outcome;
  bool here = false;
  const auto start = [&] {
    background.run(std::weak_ptr<void>(owner), work, [&](std::optional<int> result, const std::string& error) {
      outcome = {result, error};
      loop.stop();
    });
    here = !outcome.first && outcome.second.empty();
  };
  if (threads) {
    start();
  } else {
    const testing::NoThreads none;
    start();
  }
  CHECK(here);  // never told before run() has returned
  const auto late = loop.after(std::chrono::seconds(60), [&] { loop.stop(); });
  loop.run();
  loop.cancel(late);
  return outcome;
}

}  // namespace

TEST_CASE("background: the result, or why there is none, comes to the loop") {
  CHECK(outcome_of([] { return 7; }).first == 7);
  CHECK(outcome_of([]() -> int { throw std::runtime_error("broken"); }).second == "broken");
}

TEST_CASE("background: that there are no more threads is an outcome like another") {
  const auto [result, error] = outcome_of([] { return 7; }, false);
  CHECK_FALSE(result);
  CHECK(error.starts_with("no thread can be started: "));
}
