#include <thread>

#include "common/http/client.hpp"
#include "common/http/testing.hpp"
#include "common/http/worker_pool.hpp"

using namespace concourse;
using http::testing::Fixture;

namespace {

constexpr auto kShort = std::chrono::milliseconds(50);

std::vector<http::Route> routes() {
  return {{"GET", "/", [](http::Request&, http::Reply& r) { r.json("1"); }, true},
          {"POST", "/", [](http::Request&, http::Reply& r) { r.json("2"); }},
          {"PUT", "/", [](http::Request& q, http::Reply& r) { r.json(q.body()); }}};
}

int ask(const Fixture& f) { return http::call({f.path}, "GET", "/", std::chrono::seconds(10)).status; }

bool ended(const UniqueFd& client) { return Fixture::receive(client).empty(); }

}  // namespace

TEST_CASE("port: connections without a whole head take the places of each other, oldest first, and of nobody else") {
  Fixture f(routes(), {.max_workers = 2, .max_connections = 8});
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(f.connect());
    if (i % 2 == 0) Fixture::send(clients.back(), "GET / HTT");
  }
  CHECK(ask(f) == 200);
  CHECK(ended(clients.front()));
  Fixture::send(clients.back(), "GET / HTTP/1.1\r\n\r\n");
  CHECK(Fixture::receive(clients.back(), "1\n").starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("port: a head has one deadline, however its bytes come") {
  Fixture f(routes(), {.head_limit = kShort});
  const auto client = f.connect();
  const auto deadline = Deadline::in(std::chrono::seconds(30));
  while (::send(client.get(), "a", 1, MSG_NOSIGNAL) == 1 && !deadline.passed()) std::this_thread::yield();
  CHECK_FALSE(deadline.passed());
}

TEST_CASE("port: a connection that is idle for too long is closed") {
  Fixture f(routes(), {.keep_limit = kShort});
  const auto silent = f.connect(), used = f.connect();
  Fixture::send(used, "GET / HTTP/1.1\r\n\r\n");
  CHECK(Fixture::receive(used).ends_with("1\n"));
  CHECK(ended(silent));
}

TEST_CASE("port: heads may come in any pieces, and up to a size") {
  Fixture f(routes());
  const auto client = f.connect();
  for (const char c : std::string("GET / HTTP/1.1\r\nHost: w\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n"))
    Fixture::send(client, std::string(1, c));
  const auto both = Fixture::receive(client);
  CHECK(both.find("200 OK") != both.rfind("200 OK"));

  const auto large = f.connect();
  Fixture::send(large, "GET / HTTP/1.1\r\nConnection: close\r\n");
  for (int i = 0; i < 100; ++i) Fixture::send(large, "X-" + std::to_string(i) + ": " + std::string(8000, 'x') + "\r\n");
  Fixture::send(large, "\r\n");
  CHECK(Fixture::receive(large).starts_with("HTTP/1.1 200 OK"));

  const auto huge = f.connect();
  const std::string line = "X: " + std::string(8000, 'x') + "\r\n";
  Fixture::send(huge, "GET / HTTP/1.1\r\n");
  while (::send(huge.get(), line.data(), line.size(), MSG_NOSIGNAL) > 0 &&
         !os::wait_for(huge.get(), POLLIN, Deadline::in(Duration::zero()))) {
  }
  CHECK(Fixture::receive(huge).starts_with("HTTP/1.1 431 "));

  // Line ends without CR end no line for the library: that is told, not waited for.
  const auto bare = f.connect();
  Fixture::send(bare, "GET / HTTP/1.1\nHost: w\n\n");
  CHECK(Fixture::receive(bare).starts_with("HTTP/1.1 400 "));
  const auto half = f.connect();
  Fixture::send(half, "GET / HTTP/1.1\r\nHost");
  ::shutdown(half.get(), SHUT_WR);
  CHECK(Fixture::receive(half).starts_with("HTTP/1.1 400 "));
}

TEST_CASE("port: a body that doesn't come isn't waited for by an answer that doesn't need it") {
  Fixture f(routes(), {.max_workers = 1});
  const auto client = f.connect();
  Fixture::send(client, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  const auto answer = Fixture::receive(client);
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(ask(f) == 200);
}

TEST_CASE("port: of the requests that a full server can't serve yet none is lost") {
  Fixture f(routes(), {.max_workers = 2, .max_connections = 4});
  // Both workers wait for bodies, two more requests for the workers: nobody can be sent away for another.
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(f.connect());
    Fixture::send(clients.back(), "PUT / HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n1");
  }
  for (const auto& client : clients) Fixture::send(client, "2");
  for (const auto& client : clients) CHECK(Fixture::receive(client).ends_with("12\n"));
}

TEST_CASE("port: the first request of a client that has connected is answered while the server stops") {
  Fixture f(routes());
  const auto half = f.connect(), none = f.connect();
  Fixture::send(half, "GET / HTT");
  CHECK(ask(f) == 200);  // so both have been accepted
  std::thread stopper([&] { CHECK(f.server.stop(Deadline::in(std::chrono::seconds(10)))); });
  while (true) {  // until its listener has gone
    try {
      f.connect();
    } catch (const Error&) {
      break;
    }
  }
  Fixture::send(half, "P/1.1\r\n\r\n");
  const auto answer = Fixture::receive(half);
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(ended(none));
  stopper.join();
}

TEST_CASE("port: a restricted listener has the routes that are everywhere, and no others") {
  Fixture f(routes(), {}, http::Surface::restricted);
  CHECK(ask(f) == 200);
  CHECK(http::call({f.path}, "POST", "/", std::chrono::seconds(10)).status == 405);
}
