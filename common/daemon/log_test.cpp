#include "common/daemon/log.hpp"

#include <doctest/doctest.h>

#include "common/daemon/log_journal.hpp"
#include "common/daemon/log_rate.hpp"

using namespace concourse;

TEST_CASE("log rate: a burst passes, then what the rate allows, and the next line tells what was left out") {
  log::RateLimit limit(3, 2);
  const auto start = Clock::now();
  for (int i = 0; i < 3; ++i) CHECK(limit.pass("refused", start) == 0);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(limit.pass("refused", start).has_value());
  CHECK(limit.pass("another", start) == 0);
  CHECK(limit.pass("refused", start + std::chrono::milliseconds(500)) == 5);
  CHECK_FALSE(limit.pass("refused", start + std::chrono::milliseconds(501)).has_value());
  CHECK(limit.pass("refused", start + std::chrono::hours(1)) == 1);
  for (int i = 0; i < 2; ++i) CHECK(limit.pass("refused", start + std::chrono::hours(1)) == 0);
  CHECK_FALSE(limit.pass("refused", start + std::chrono::hours(1)).has_value());
}

TEST_CASE("log rate: a clock that stands still or goes back gives nothing") {
  log::RateLimit limit(1, 1000);
  const auto start = Clock::now();
  CHECK(limit.pass("x", start) == 0);
  CHECK_FALSE(limit.pass("x", start - std::chrono::hours(1)).has_value());
}

TEST_CASE("log journal: the line, its priority, and the event's fields in capitals") {
  CHECK(log::journal_fields("{…}", 4, "garden", "out of memory", {{"handle", "h\nx"}, {"oom-kills", "2"}}) ==
        std::vector<std::string>{"MESSAGE={…}", "PRIORITY=4", "SYSLOG_IDENTIFIER=concourse-garden", "CONCOURSE_EVENT=out of memory",
                                 "CONCOURSE_HANDLE=h\nx", "CONCOURSE_OOM_KILLS=2"});
}

TEST_CASE("log journal: a test's output is none") { CHECK_FALSE(log::stdout_is_the_journal()); }
