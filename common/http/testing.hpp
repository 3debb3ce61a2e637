// A server on a Unix socket, and clients that speak to it by hand, for unit tests.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/http/server.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::http::testing {

struct Fixture {
  std::string path = "/tmp/http-test-" + std::to_string(getpid()) + ".sock";
  Server server;

  explicit Fixture(std::vector<Route> routes, ServerOptions options = {}, Surface surface = Surface::whole)
      : server(
            std::move(routes),
            [](const Error& e, const Request&, Reply& reply) {
              reply.json(std::string("{\"error\":\"") + e.what() + "\"}", e.kind() == ErrorKind::invalid ? 400 : 500);
            },
            options) {
    server.add_listener(os::listen_unix(path), surface);
    server.start();
  }
  ~Fixture() { ::unlink(path.c_str()); }

  UniqueFd connect() const { return os::connect_unix(path, Deadline::in(std::chrono::seconds(5))); }

  static void send(const UniqueFd& fd, std::string_view text) {
    CHECK(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }

  // Everything up to the end of the stream or until `end` has been seen.
  static std::string receive(const UniqueFd& fd, std::string_view end = "") {
    std::string all;
    char buffer[4096];
    while (end.empty() || all.find(end) == std::string::npos) {
      if (!os::wait_for(fd.get(), POLLIN, Deadline::in(std::chrono::seconds(10)))) break;
      const auto n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n <= 0) break;
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }
};

}  // namespace concourse::http::testing
