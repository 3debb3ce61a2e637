#include "common/daemon/listeners.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::daemon;

namespace {

unsigned short port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

}  // namespace

TEST_CASE("listeners: a TCP socket knows where it is bound") {
  const auto fd = listen_tcp("127.0.0.1", 0);
  const auto port = port_of(fd.get());
  CHECK(is_bound_to(fd.get(), "127.0.0.1", port));
  CHECK(is_bound_to(fd.get(), "127.0.0.1", 0));
  CHECK_FALSE(is_bound_to(fd.get(), "127.0.0.2", port));
  CHECK_FALSE(is_bound_to(fd.get(), "127.0.0.1", static_cast<unsigned short>(port + 1)));
  CHECK_FALSE(is_bound_to(fd.get(), "::1", port));
  auto [one, other] = os::socket_pair(SOCK_STREAM);
  CHECK_FALSE(is_bound_to(one.get(), "127.0.0.1", 0));
}

TEST_CASE("listeners: a taken port and a bad address are errors that name them") {
  const auto fd = listen_tcp("127.0.0.1", 0);
  const auto port = port_of(fd.get());
  try {
    listen_tcp("127.0.0.1", port);
    FAIL("listened twice");
  } catch (const SysError& e) {
    CHECK(e.error_number() == EADDRINUSE);
    CHECK(std::string(e.what()).find("127.0.0.1:" + std::to_string(port)) != std::string::npos);
  }
  CHECK_THROWS_WITH_AS(listen_tcp("localhost", 1), "'localhost' is not an IP address", Error);
}

TEST_CASE("listeners: variables meant for another process are cleared and not obeyed") {
  setenv("LISTEN_PID", "1", 1);
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_FDNAMES", "a:b", 1);
  auto listeners = Listeners::inherit();
  CHECK_FALSE(listeners.has("a"));
  CHECK(getenv("LISTEN_FDS") == nullptr);
}

TEST_CASE("listeners: without an inherited socket one is made, for its owner only, its directory too") {
  const testing::TempDir temp;
  const auto& folder = temp.path;
  auto listeners = Listeners::inherit();
  const auto fd = listeners.take("control", folder / "control/x.sock");
  struct stat st {};
  REQUIRE(::stat((folder / "control/x.sock").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
  CHECK(os::connect_unix(folder / "control/x.sock", Deadline::in(std::chrono::seconds(30))));
}

TEST_CASE("listeners: 0.0.0.0 and :: are every address of both families") {
  for (const char* any : {"0.0.0.0", "::"}) {
    const auto fd = listen_tcp(any, 0);
    sockaddr_in6 bound{};
    socklen_t size = sizeof bound;
    REQUIRE(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0);
    REQUIRE(bound.sin6_family == AF_INET6);
    for (const char* same : {"0.0.0.0", "::"}) CHECK(is_bound_to(fd.get(), same, ntohs(bound.sin6_port)));
    for (const char* other : {"127.0.0.1", "::1"}) CHECK_FALSE(is_bound_to(fd.get(), other, 0));
    const UniqueFd v4(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), v6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to4{};
    to4.sin_family = AF_INET;
    to4.sin_port = bound.sin6_port;
    to4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto to6 = bound;
    to6.sin6_addr = in6addr_loopback;
    CHECK(::connect(v4.get(), reinterpret_cast<sockaddr*>(&to4), sizeof to4) == 0);
    CHECK(::connect(v6.get(), reinterpret_cast<sockaddr*>(&to6), sizeof to6) == 0);
  }
}

TEST_CASE("listeners: an inherited socket of one family is not one of both, but for an earlier version's") {
  const UniqueFd v6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)), v4(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(v6.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  REQUIRE(::bind(v6.get(), reinterpret_cast<sockaddr*>(&any6), sizeof any6) == 0);
  REQUIRE(::bind(v4.get(), reinterpret_cast<sockaddr*>(&any4), sizeof any4) == 0);
  CHECK_FALSE(is_bound_to(v6.get(), "::", 0));
  CHECK_FALSE(is_bound_to(v4.get(), "::", 0));
  CHECK(is_bound_to(v4.get(), "0.0.0.0", 0));
}
