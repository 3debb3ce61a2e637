#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/error.hpp"
#include "common/daemon/listeners.hpp"
#include "common/os/unix_socket.hpp"
#include "services/baggageclaim/p2p/p2p_surface.hpp"
#include "services/baggageclaim/p2p/peer_stream.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

TEST_CASE("peer url: a worker's stream-in and nothing else") {
  const auto url = parse_peer_url("http://10.0.0.5:7788/volumes/abc-1/stream-in?path=.&limit=1.5");
  CHECK(url.host == "10.0.0.5");
  CHECK(url.port == "7788");
  CHECK(url.target == "/volumes/abc-1/stream-in?path=.&limit=1.5");
  CHECK(parse_peer_url("http://[fd00::5]:7788/volumes/a/stream-in").host == "fd00::5");
  CHECK(parse_peer_url("http://worker-2/volumes/a/stream-in").port == "80");
  CHECK(parse_peer_url("http://[fd00::5]/volumes/a/stream-in").port == "80");
  for (const char* bad :
       {"https://h/volumes/a/stream-in", "file:///etc/passwd", "http://h", "http://h/", "http://h/volumes/a/stream-out",
        "http://:1/volumes/a/stream-in", "http://h:0/volumes/a/stream-in", "http://h:x/volumes/a/stream-in",
        "http://h/volumes/../stream-in", "http://h/volumes/a/b/stream-in", "http://u@h/volumes/a/stream-in",
        "http://h/volumes/a/stream-in\r\nX: y", "http://h/volumes/a/stream-in#x", "http://h/x?/volumes/a/stream-in",
        "gopher://h/volumes/a/stream-in", ""})
    CHECK_THROWS_AS_MESSAGE(parse_peer_url(bad), Error, bad);
}

TEST_CASE("p2p surface: all of the API is for who is on this machine, or asked for") {
  const auto surface = [](const std::string& ip, bool full_api = false) {
    return surface_of(daemon::listen_tcp(ip, 0).get(), full_api);
  };
  CHECK(surface("127.0.0.1") == http::Surface::whole);
  CHECK(surface("127.1.2.3") == http::Surface::whole);
  CHECK(surface("0.0.0.0") == http::Surface::restricted);
  CHECK(surface("0.0.0.0", /*full_api=*/true) == http::Surface::whole);
  CHECK(surface_of(os::socket_pair(SOCK_STREAM).first.get(), false) == http::Surface::whole);
  const UniqueFd v6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!v6) return;
  CHECK(surface("::") == http::Surface::restricted);
  CHECK(surface("::1") == http::Surface::whole);
  CHECK(surface("::ffff:127.0.0.1") == http::Surface::whole);
  CHECK_THROWS_AS(surface_of(-1, false), SysError);
}
