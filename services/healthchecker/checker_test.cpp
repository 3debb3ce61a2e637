#include "services/healthchecker/checker.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>

#include "common/testing/no_threads.hpp"
#include "services/healthchecker/statements.hpp"
#include "services/healthchecker/status_page/history.hpp"

using namespace concourse;
using namespace concourse::healthchecker;

namespace {

const std::vector<Target> kTargets{{"garden", "g", "/ping"}, {"baggageclaim", "b", "/volumes"}};
constexpr auto kLong = std::chrono::seconds(60);

}  // namespace

TEST_CASE("healthcheck: healthy when every target answers with success") {
  Checker checker(kTargets, kLong, [](const Target&, Duration) { return ""; });
  const auto report = checker.check();
  CHECK(healthy(report));
  CHECK(to_json(report) ==
        R"({"baggageclaim":{"healthy":true,"response_error":""},"garden":{"healthy":true,"response_error":""}})");
}

TEST_CASE("healthcheck: one target's trouble doesn't hide the other's health") {
  Checker checker(kTargets, kLong, [](const Target& target, Duration) { return target.name == "garden" ? "gone" : ""; });
  const auto report = checker.check();
  CHECK_FALSE(healthy(report));
  CHECK(report.at("garden") == "gone");
  CHECK(report.at("baggageclaim").empty());
}

TEST_CASE("healthcheck: targets are asked at the same time") {
  std::latch both(2);
  Checker checker(kTargets, kLong, [&](const Target&, Duration) {
    both.arrive_and_wait();  // would never return if they were asked one after the other
    return "";
  });
  CHECK(healthy(checker.check()));
}

TEST_CASE("healthcheck: a target that hangs is unhealthy after the timeout, and isn't waited for any longer") {
  auto release = std::make_shared<std::promise<void>>();
  auto released = std::make_shared<std::shared_future<void>>(release->get_future());
  auto ended = std::make_shared<std::latch>(1);
  Checker checker(kTargets, std::chrono::milliseconds(50), [=](const Target& target, Duration) {
    if (target.name == "garden") {
      released->wait();
      ended->count_down();
    }
    return "";
  });
  const auto report = checker.check();
  CHECK(report.at("garden") == "no answer within 50ms (--healthcheck-timeout)");
  release->set_value();
  ended->wait();
}

TEST_CASE("healthcheck: a probe that breaks, and one for which there is no thread, are unhealthy with the reason") {
  Checker broken(kTargets, kLong, [](const Target&, Duration) -> std::string { throw std::runtime_error("broken"); });
  CHECK(broken.check().at("garden") == "broken");
  Checker checker(kTargets, kLong, [](const Target&, Duration) { return ""; });
  {
    const testing::NoThreads none;
    CHECK(checker.check().at("garden").starts_with("no thread can be started: "));
    const auto statements = ask_services("/nonexistent", {"garden"}, Deadline::in(kLong));
    CHECK(statements.at("garden").error.starts_with("no thread can be started: "));
  }
  CHECK(healthy(checker.check()));
}

TEST_CASE("healthcheck: a look that fails is a gap in the graphs and no more") {
  status_page::History history;
  std::promise<void> looked;
  {
    const status_page::Sampler sampler(history, [&]() -> Statements {
      looked.set_value();
      throw std::runtime_error("broken");
    });
    looked.get_future().wait();
  }
  CHECK(history.samples().empty());
}

TEST_CASE("healthcheck: requests during a check share its result") {
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> probes = 0;
  Checker checker({kTargets[0]}, kLong, [&](const Target&, Duration) {
    ++probes;
    released.wait();
    return "";
  });
  std::vector<std::future<Report>> answers;
  for (int i = 0; i < 8; ++i) answers.push_back(std::async(std::launch::async, [&] { return checker.check(); }));
  while (checker.waiting() < answers.size()) std::this_thread::yield();
  release.set_value();
  for (auto& answer : answers) CHECK(healthy(answer.get()));
  CHECK(probes == 1);
}
