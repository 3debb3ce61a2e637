#include "services/supervisor/restart_policy.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::supervisor;
using std::chrono::milliseconds;
using std::chrono::seconds;
using State = RestartPolicy::State;

namespace {

const RestartRules kRules{
    .first_delay = milliseconds(100), .longest_delay = seconds(1), .healthy_after = seconds(30), .attempts = 3};
const os::ExitStatus kFailed{1, 0}, kWrongUsage{2, 0}, kKilled{137, 9};
const Clock::time_point kStart{};

}  // namespace

TEST_CASE("restart policy: a ready service that dies is restarted soon") {
  RestartPolicy policy(kRules);
  policy.started();
  CHECK(policy.state() == State::starting);
  policy.ready(kStart);
  CHECK(policy.state() == State::ready);

  CHECK(policy.ended(kKilled, kStart + seconds(5)) == milliseconds(100));
  CHECK(policy.state() == State::waiting);
  CHECK(policy.failures() == 1);
}

TEST_CASE("restart policy: the delay doubles with each failure in a row and has an upper limit") {
  RestartPolicy policy(kRules);
  policy.started();
  policy.ready(kStart);

  std::vector<Duration> delays;
  for (int i = 0; i < 6; ++i) {
    delays.push_back(*policy.ended(kFailed, kStart));
    policy.started();
  }
  CHECK(delays ==
        std::vector<Duration>{milliseconds(100), milliseconds(200), milliseconds(400), milliseconds(800), seconds(1), seconds(1)});
}

TEST_CASE("restart policy: a healthy while wipes out earlier failures, a short life does not") {
  RestartPolicy policy(kRules);
  policy.started();
  policy.ready(kStart);
  CHECK(policy.ended(kKilled, kStart) == milliseconds(100));

  policy.started();
  policy.ready(kStart);
  CHECK(policy.ended(kKilled, kStart + seconds(29)) == milliseconds(200));

  policy.started();
  policy.ready(kStart);
  CHECK(policy.ended(kKilled, kStart + seconds(30)) == milliseconds(100));
}

TEST_CASE("restart policy: a service that was never ready is given up after a few failures") {
  RestartPolicy policy(kRules);
  policy.started();
  CHECK(policy.ended(kFailed, kStart).has_value());
  policy.started();
  CHECK(policy.ended(kKilled, kStart).has_value());
  policy.started();
  CHECK_FALSE(policy.ended(kFailed, kStart).has_value());
  CHECK(policy.state() == State::given_up);
}

TEST_CASE("restart policy: a wrong command line is given up at once, but only before the first READY") {
  RestartPolicy fresh(kRules);
  fresh.started();
  CHECK_FALSE(fresh.ended(kWrongUsage, kStart).has_value());

  RestartPolicy proven(kRules);
  proven.started();
  proven.ready(kStart);
  CHECK(proven.ended(kWrongUsage, kStart).has_value());
  for (int i = 0; i < 20; ++i) {
    proven.started();
    CHECK(proven.ended(kWrongUsage, kStart) <= seconds(1));
  }
}

TEST_CASE("restart policy: an end of unknown status is a failure like any other") {
  RestartPolicy policy(kRules);
  policy.started();
  policy.ready(kStart);
  CHECK(policy.ended(std::nullopt, kStart) == milliseconds(100));
}

TEST_CASE("restart policy: a planned stop is no failure") {
  RestartPolicy policy(kRules);
  policy.started();
  policy.ready(kStart);
  policy.stopped();
  CHECK(policy.state() == State::down);
  CHECK(policy.failures() == 0);
}
