#include "common/http/server.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/daemon/log_request.hpp"
#include "common/http/client.hpp"
#include "common/http/exchange.hpp"
#include "common/http/fd_stream.hpp"
#include "common/http/testing.hpp"
#include "common/http/worker_pool.hpp"

using namespace concourse;
using http::testing::Fixture;

namespace {

std::vector<http::Route> echo_routes() {
  return {
      {"GET", "/things/:name", [](http::Request& q, http::Reply& r) { r.json("\"" + q.capture("name") + "\""); }},
      {"PUT", "/things/:name", [](http::Request& q, http::Reply& r) { r.json("\"" + q.body() + "\"", 201); }},
      {"POST", "/early", [](http::Request&, http::Reply& r) { r.json("\"no\"", 403); }},
      {"GET", "/stream",
       [](http::Request&, http::Reply& r) { r.stream([](http::ChunkWriter& w) { w.write("ab"), w.write("c"), w.finish(); }); }},
      {"GET", "/broken", [](http::Request&, http::Reply& r) { r.stream([](http::ChunkWriter& w) { w.write("ab"); }); }},
      {"POST", "/hijack",
       [](http::Request& q, http::Reply& r) {
         const auto body = q.body();
         r.hijack([body](UniqueFd fd, const std::string& leftover) {
           const std::string text = "raw:" + body + "|" + leftover;
           CHECK(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0);
         });
       }},
      {"POST", "/slow",
       [](http::Request&, http::Reply& r) {
         r.hijack([](UniqueFd fd, const std::string&) {
           CHECK_FALSE(os::wait_for(fd.get(), POLLIN, Deadline::in(std::chrono::milliseconds(30))));
           throw Error(ErrorKind::internal, "too slow");
         });
       }},
      {"GET", "/request", [](http::Request&, http::Reply& r) { r.json(log::current_request()); }},
      {"GET", "/none", [](http::Request&, http::Reply&) { throw Error(ErrorKind::not_found, "no such thing"); }},
      {"GET", "/wrong", [](http::Request&, http::Reply&) { throw Error(ErrorKind::invalid, "bad thing"); }},
  };
}

}  // namespace

TEST_CASE("http: a captured segment is decoded with query rules, and the segment count is exact") {
  Fixture f(echo_routes());
  const auto call = [&](const char* method, const char* target) {
    return http::call({f.path}, method, target, std::chrono::seconds(5));
  };

  CHECK(call("GET", "/things/a%2Fb+c").body == "\"a/b c\"\n");
  CHECK(call("GET", "/things/").body == "\"\"\n");
  CHECK(call("GET", "/things/x:y?q=1").body == "\"x:y\"\n");
  CHECK(call("GET", "/things").status == 404);
  CHECK(call("GET", "/things/a/b").body == "404 page not found\n");
  CHECK(call("DELETE", "/things/a").status == 405);
}

TEST_CASE("http: bodies arrive whole in both framings, and the connection is kept") {
  Fixture f(echo_routes());
  const auto fd = f.connect();

  f.send(fd, "PUT /things/a HTTP/1.1\r\nHost: w\r\nContent-Length: 5\r\nAccept-Encoding: gzip\r\n\r\nhel");
  f.send(fd, "lo");
  const auto first = f.receive(fd, "\"hello\"\n");
  CHECK(first.find("201 Created") != std::string::npos);
  CHECK(first.find("Content-Encoding") == std::string::npos);

  f.send(fd, "PUT /things/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n");
  CHECK(f.receive(fd, "\"abcde\"\n").find("201 Created") != std::string::npos);

  // Pipelined behind each other in one segment.
  f.send(fd, "GET /things/1 HTTP/1.1\r\n\r\nGET /things/2 HTTP/1.1\r\nConnection: close\r\n\r\n");
  const auto two = f.receive(fd);
  CHECK(two.find("\"1\"") < two.find("\"2\""));
  CHECK(two.find("Connection: close") != std::string::npos);
}

TEST_CASE("http: a body that breaks off, or is framed wrongly, is the client's error") {
  Fixture f(echo_routes());
  for (const char* rest :
       {"Content-Length: 9\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nab", "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "Content-Length: -1\r\n\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    const auto fd = f.connect();
    f.send(fd, std::string("PUT /things/a HTTP/1.1\r\n") + rest);
    ::shutdown(fd.get(), SHUT_WR);
    CHECK_MESSAGE(f.receive(fd).find("400 Bad Request") != std::string::npos, rest);
  }
}

TEST_CASE("http: an answer that comes before the body was read still arrives") {
  Fixture f(echo_routes());
  const auto fd = f.connect();
  const std::string big(1 << 20, 'x');
  f.send(fd, "POST /early HTTP/1.1\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n");
  f.send(fd, big);
  CHECK(f.receive(fd).find("403 Forbidden") != std::string::npos);
}

TEST_CASE("http: a stream ends with the last chunk only when its producer finished it") {
  Fixture f(echo_routes());
  const auto whole = f.connect();
  f.send(whole, "GET /stream HTTP/1.1\r\n\r\n");
  CHECK(f.receive(whole).ends_with("\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"));

  const auto broken = f.connect();
  f.send(broken, "GET /broken HTTP/1.1\r\n\r\n");
  CHECK(f.receive(broken).ends_with("2\r\nab\r\n"));
}

TEST_CASE("http: a hijacked connection carries nothing but what its new owner writes, and what the client sent behind") {
  Fixture f(echo_routes());
  const auto fd = f.connect();
  f.send(fd, "POST /hijack HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi{\"early\":1}");
  CHECK(f.receive(fd) == "raw:hi|{\"early\":1}");
}

TEST_CASE("http: routes are counted and timed up to their answer, and what isn't there is no failure") {
  Fixture f(echo_routes());
  for (const char* target : {"/things/a", "/things/b", "/none", "/wrong", "/nowhere"})
    http::call({f.path}, "GET", target, std::chrono::seconds(5));
  for (const char* target : {"/hijack", "/slow"}) {
    const auto fd = f.connect();
    f.send(fd, std::string("POST ") + target + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    f.receive(fd);
  }
  CHECK(f.server.stop(Deadline::in(std::chrono::seconds(5))));  // a connection ends before its request has been counted

  const auto all = f.server.statistics();
  const auto counted = [&](const char* route) { return std::pair(all.at(route).at("count"), all.at(route).at("failed")); };
  CHECK(counted("GET /things/:name") == std::pair<Json, Json>(2, 0));
  CHECK(counted("GET /none") == std::pair<Json, Json>(1, 0));
  CHECK(counted("GET /wrong") == std::pair<Json, Json>(1, 1));
  CHECK(counted("POST /hijack") == std::pair<Json, Json>(1, 0));
  CHECK(counted("POST /slow") == std::pair<Json, Json>(1, 1));
  CHECK(all.at("POST /slow").at("seconds").get<double>() >= 0.03);
  CHECK_FALSE(all.contains("GET /nowhere"));
}

TEST_CASE("http: a client that opens many connections and sends nothing doesn't stop others") {
  Fixture f(echo_routes());
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(f.connect());
  CHECK(http::call({f.path}, "GET", "/things/a", std::chrono::seconds(5)).status == 200);
}

TEST_CASE("http: a handler works on the client's request, which a client has from its own thread") {
  Fixture f(echo_routes());
  const auto call = [&] { return http::call({f.path}, "GET", "/request", std::chrono::seconds(5)); };
  {
    const log::RequestScope scope("ours");
    const auto answer = call();
    CHECK(answer.body == "ours\n");
    CHECK(answer.request == "ours");
  }
  const auto first = call(), second = call();
  CHECK(first.body == first.request + "\n");
  CHECK(first.request != second.request);

  const auto fd = f.connect();
  f.send(fd, "GET /request HTTP/1.1\r\nX-Request-Id: a b\r\nConnection: close\r\n\r\n");
  const auto all = f.receive(fd);
  CHECK(all.find("200 OK") != std::string::npos);
  CHECK(all.find("a b") == std::string::npos);
}

TEST_CASE("http: a job of the pool works on the request that submitted it") {
  std::string of_the_job = "?", of_the_next = "?";
  http::WorkerPool pool(1);
  {
    const log::RequestScope scope("ours");
    pool.submit([&] { of_the_job = log::current_request(); });
  }
  pool.submit([&] { of_the_next = log::current_request(); });
  CHECK(pool.wait_idle(Deadline::in(std::chrono::seconds(5))));
  CHECK(of_the_job == "ours");
  CHECK(of_the_next.empty());
}

TEST_CASE("http: an answer that isn't a stream goes out in one write") {
  auto routes = echo_routes();
  routes.push_back({"GET", "/big", [](http::Request&, http::Reply& r) { r.body = std::string(32 << 10, 'x'); }});
  http::Exchange exchange(std::move(routes), [](const Error&, const http::Request&, http::Reply& r) { r.json("\"no\"", 400); }, {});
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);  // keeps the bounds of each write
  const UniqueFd client(pair[0]);
  http::FdStream stream{UniqueFd(pair[1])};
  std::optional<http::Hold> hold;

  std::vector<char> packet(256 << 10);
  const auto next = [&] {
    const auto n = ::recv(client.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    return std::string(packet.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  };
  const auto serve = [&](const char* request) {
    Fixture::send(client, request);
    REQUIRE(stream.collect_head(4096) == http::FdStream::Head::whole);
    CHECK(exchange.serve_one(stream, false, http::Surface::whole, hold) == http::Exchange::Next::keep);
  };
  for (const auto& [target, end] : {std::pair("/things/a", "\"a\"\n"), {"/wrong", "\"no\"\n"}, {"/big", "xxxx"}}) {
    serve((std::string("GET ") + target + " HTTP/1.1\r\n\r\n").c_str());
    const auto first = next();
    CHECK(first.starts_with("HTTP/1.1 "));
    CHECK_MESSAGE(first.ends_with(end), std::string(target));
    CHECK(next().empty());
  }
}
