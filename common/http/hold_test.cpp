#include <atomic>
#include <filesystem>
#include <thread>

#include "common/daemon/log_request.hpp"
#include "common/http/client.hpp"
#include "common/http/testing.hpp"

using namespace concourse;
using http::testing::Fixture;

namespace {

constexpr auto kLong = std::chrono::minutes(10);

// GET /later is held until somebody wakes it.
struct Held {
  std::mutex mutex;
  std::vector<std::weak_ptr<http::Wakeup>> wakeups;
  std::atomic<std::size_t> asked = 0;
  std::atomic<bool> woken_early = false;
  Duration limit = kLong;
  Fixture server;

  explicit Held(Duration its_limit = kLong, http::ServerOptions options = {})
      : limit(its_limit), server({{"GET", "/later", [this](http::Request& q, http::Reply& r) { later(q, r); }}}, options) {}

  void later(http::Request& request, http::Reply& reply) {
    if (request.must_answer()) return reply.json("\"" + log::current_request() + "\"");
    const auto wakeup = std::make_shared<http::Wakeup>();
    if (woken_early) wakeup->wake();
    reply.hold(wakeup, limit);
    const std::lock_guard lock(mutex);
    wakeups.push_back(wakeup);
    ++asked;
  }

  // A client whose request is held.
  UniqueFd ask() {
    const auto before = asked.load();
    auto client = server.connect();
    Fixture::send(client, "GET /later HTTP/1.1\r\nX-Request-Id: mine\r\n\r\n");
    until([&] { return asked > before; });
    return client;
  }
  void wake() {
    const std::lock_guard lock(mutex);
    for (const auto& wakeup : wakeups)
      if (const auto held = wakeup.lock()) held->wake();
  }
  bool none_left() {
    const std::lock_guard lock(mutex);
    return std::all_of(wakeups.begin(), wakeups.end(), [](const auto& wakeup) { return wakeup.expired(); });
  }

  template <typename Condition>
  static void until(Condition condition) {
    const auto deadline = Deadline::in(std::chrono::seconds(30));
    while (!condition() && !deadline.passed()) std::this_thread::yield();
    CHECK(condition());
  }
};

std::size_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

}  // namespace

TEST_CASE("http: a held request is answered when it is woken, under its own id, and the connection is kept") {
  Held held;
  const auto client = held.ask();
  CHECK_FALSE(os::wait_for(client.get(), POLLIN, Deadline::in(std::chrono::milliseconds(20))));
  CHECK(held.server.server.requests_running() == 0);
  held.wake();
  CHECK(Fixture::receive(client, "\"mine\"\n").starts_with("HTTP/1.1 200 OK"));

  Fixture::send(client, "GET /later HTTP/1.1\r\n\r\nGET /later HTTP/1.1\r\nConnection: close\r\n\r\n");
  Held::until([&] { return held.asked == 2; });
  held.wake();
  Held::until([&] { return held.asked == 3; });
  held.wake();
  const auto both = Fixture::receive(client);
  CHECK(both.find("200 OK") != both.rfind("200 OK"));
  CHECK(held.none_left());
}

TEST_CASE("http: what has come before its request is held isn't waited for") {
  Held held;
  held.woken_early = true;
  for (int i = 0; i < 100; ++i) CHECK(http::call({held.server.path}, "GET", "/later", std::chrono::seconds(5)).status == 200);
}

TEST_CASE("http: a held request is answered when its time is over") {
  Held held(std::chrono::milliseconds(30));
  const auto before = Clock::now();
  CHECK(Fixture::receive(held.ask(), "\"mine\"\n").starts_with("HTTP/1.1 200 OK"));
  CHECK(Clock::now() - before >= std::chrono::milliseconds(30));
}

TEST_CASE("http: of a client that goes while its request is held nothing is left") {
  Held held;
  auto gone = held.ask();
  const auto half_closed = held.ask();
  CHECK_FALSE(held.none_left());
  gone.reset();
  ::shutdown(half_closed.get(), SHUT_WR);
  CHECK(Fixture::receive(half_closed).starts_with("HTTP/1.1 200 OK"));
  Held::until([&] { return held.none_left(); });
  held.wake();
}

TEST_CASE("http: the end of the server answers what is held") {
  Held held;
  const auto client = held.ask();
  CHECK(held.server.server.stop(Deadline::in(std::chrono::seconds(30))));
  const auto answer = Fixture::receive(client);
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(held.none_left());
}

TEST_CASE("http: requests beyond those that can be held are answered at once") {
  Held held(kLong, {.max_connections = 4});
  const auto first = held.ask(), second = held.ask(), third = held.ask();
  CHECK(Fixture::receive(third, "\"mine\"\n").starts_with("HTTP/1.1 200 OK"));
  CHECK_FALSE(os::wait_for(first.get(), POLLIN, Deadline::in(Duration::zero())));
  CHECK_FALSE(os::wait_for(second.get(), POLLIN, Deadline::in(Duration::zero())));
}

TEST_CASE("http: a thousand held requests cost no thread") {
  Held held(kLong, {.max_workers = 4, .max_connections = 3000});
  std::vector<UniqueFd> clients;
  const auto before = threads();
  for (int i = 0; i < 1000; ++i) clients.push_back(held.ask());
  CHECK(threads() <= before + 4);
  held.wake();
  for (const auto& client : clients) CHECK(Fixture::receive(client, "\"mine\"\n").starts_with("HTTP/1.1 200 OK"));
}
