#include "services/baggageclaim/volume_locker.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

namespace {
using Which = VolumeLocker::Which;
using Mode = VolumeLocker::Mode;
const auto kAtOnce = [] { return Deadline::in(std::chrono::milliseconds(10)); };
}  // namespace

TEST_CASE("locker: exclusive is alone, shared is not, and each handle and kind stands for itself") {
  VolumeLocker locker;
  {
    const auto shared = locker.lock("a", Which::state, Mode::shared);
    const auto another = locker.lock("a", Which::state, Mode::shared, kAtOnce());
    CHECK_THROWS_AS(locker.lock("a", Which::state, Mode::exclusive, kAtOnce()), Error);
    const auto content = locker.lock("a", Which::content, Mode::exclusive, kAtOnce());
    const auto other = locker.lock("b", Which::state, Mode::exclusive, kAtOnce());
    CHECK(locker.entries() == 2);
  }
  CHECK(locker.entries() == 0);
  auto exclusive = locker.lock("a", Which::state, Mode::exclusive, kAtOnce());
  CHECK_THROWS_AS(locker.lock("a", Which::state, Mode::shared, kAtOnce()), Error);
  auto moved = std::move(exclusive);
  exclusive.release();  // NOLINT(bugprone-use-after-move): it must do nothing
  CHECK_THROWS_AS(locker.lock("a", Which::state, Mode::shared, kAtOnce()), Error);
  moved.release();
  CHECK(locker.entries() == 0);
}

TEST_CASE("locker: a pair of one handle is one lock, and pairs in both orders don't deadlock") {
  VolumeLocker locker;
  { const auto same = locker.lock_pair("a", "a", kAtOnce()); }
  std::atomic<int> rounds = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const auto pair = t % 2 == 0 ? locker.lock_pair("a", "b") : locker.lock_pair("b", "a");
        ++rounds;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(rounds == 2000);
  CHECK(locker.entries() == 0);
}

TEST_CASE("locker: nobody is inside together with an exclusive holder") {
  VolumeLocker locker;
  std::atomic<int> inside = 0, exclusive = 0, wrong = 0;
  std::latch start(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      for (int i = 0; i < 1000; ++i) {
        const auto mode = (i + t) % 3 == 0 ? Mode::exclusive : Mode::shared;
        const auto held = locker.lock("h", Which::state, mode);
        ++inside;
        if (mode == Mode::exclusive && (inside != 1 || exclusive++ != 0)) ++wrong;
        if (mode == Mode::shared && exclusive != 0) ++wrong;
        if (mode == Mode::exclusive) --exclusive;
        --inside;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(locker.entries() == 0);
}
