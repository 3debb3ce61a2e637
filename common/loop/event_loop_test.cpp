#include "common/loop/event_loop.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace concourse;

TEST_CASE("event loop: timers in order, cancelled ones never, periodic ones again") {
  EventLoop loop;
  std::string order;
  loop.after(std::chrono::milliseconds(20), [&] { order += "b"; });
  loop.after(std::chrono::milliseconds(1), [&] { order += "a"; });
  const auto never = loop.after(std::chrono::milliseconds(2), [&] { order += "x"; });
  loop.cancel(never);
  int ticks = 0;
  EventLoop::TimerId tick = 0;
  tick = loop.every(std::chrono::milliseconds(5), [&] {
    if (++ticks == 3) loop.cancel(tick);
  });
  loop.after(std::chrono::milliseconds(200), [&] { loop.stop(); });
  loop.run();
  CHECK(order == "ab");
  CHECK(ticks == 3);
}

TEST_CASE("event loop: timers that are late run in the order in which they were due") {
  EventLoop loop;
  std::string order;
  loop.after(std::chrono::milliseconds(2), [&] { order += "b"; });
  loop.after(std::chrono::milliseconds(1), [&] { order += "a"; });
  loop.after(std::chrono::milliseconds(3), [&] { loop.stop(); });
  for (const auto late = Clock::now() + std::chrono::milliseconds(4); Clock::now() < late;) {
  }
  loop.run();
  CHECK(order == "ab");
}

TEST_CASE("event loop: a watch may remove itself, and a reused descriptor number gets no stale event") {
  EventLoop loop;
  int first[2], calls = 0;
  REQUIRE(pipe2(first, O_CLOEXEC) == 0);
  REQUIRE(write(first[1], "x", 1) == 1);
  loop.watch(first[0], EPOLLIN, [&](std::uint32_t) {
    ++calls;
    loop.unwatch(first[0]);
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  CHECK(calls == 1);
  close(first[0]), close(first[1]);
}

TEST_CASE("event loop: signals and other threads arrive on the loop's thread") {
  EventLoop loop;
  const auto home = std::this_thread::get_id();
  bool here = false;
  loop.on_signal(SIGUSR1, "test", [&] {
    here = std::this_thread::get_id() == home;
    loop.stop();
  });
  kill(getpid(), SIGUSR1);
  loop.run();
  CHECK(here);

  std::thread other([&] {
    loop.post([&] {
      here = std::this_thread::get_id() == home;
      loop.stop();
    });
  });
  here = false;
  loop.run();
  other.join();
  CHECK(here);
}
