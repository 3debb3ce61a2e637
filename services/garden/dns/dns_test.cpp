#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>

#include <filesystem>
#include <thread>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/garden/dns/dns_proxy.hpp"
#include "services/garden/dns/message.hpp"

using namespace concourse;
using namespace concourse::garden;

namespace {

// A query for the A record of "a.b".
const std::string kQuery(
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01"
    "a\x01"
    "b\x00\x00\x01\x00\x01",
    21);

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd bound_socket(int type, std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  auto address = local(port);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

struct Fixture {
  testing::TempDir temp;
  const std::filesystem::path& dir = temp.path;
  std::uint16_t port = 0;

  explicit Fixture(const std::string& resolv_conf) {
    os::replace_file(dir / "resolv.conf", resolv_conf);
    bound_socket(SOCK_DGRAM, port);  // a free one
  }

  std::string ask_udp(const std::string& query) const {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = local(port);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::send(fd.get(), query.data(), query.size(), 0) == static_cast<ssize_t>(query.size()));
    char buffer[512];
    if (!os::wait_for(fd.get(), POLLIN, Deadline::in(std::chrono::seconds(20)))) return "";
    const auto n = ::recv(fd.get(), buffer, sizeof buffer, 0);
    return n < 0 ? "" : std::string(buffer, static_cast<std::size_t>(n));
  }

  std::string ask_tcp(const std::string& query) const {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = local(port);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const std::string wire = std::string{'\0', static_cast<char>(query.size())} + query;
    REQUIRE(::send(fd.get(), wire.data(), wire.size(), 0) == static_cast<ssize_t>(wire.size()));
    std::string answer;
    char buffer[512];
    while (os::wait_for(fd.get(), POLLIN, Deadline::in(std::chrono::seconds(20)))) {
      const auto n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(n));
    }
    return answer.size() < 2 ? "" : answer.substr(2);
  }
};

bool is_server_failure(const std::string& answer) {
  return answer.size() == kQuery.size() && answer.substr(0, 2) == kQuery.substr(0, 2) && (answer[2] & 0x80) != 0 &&
         (answer[3] & 0x0f) == 2;
}

}  // namespace

TEST_CASE("dns: a failure answers the question that was asked, and only a question") {
  const auto failure = dns::server_failure(kQuery + "additional records");
  REQUIRE(failure);
  CHECK(is_server_failure(*failure));
  CHECK(dns::query_id(kQuery) == 0x1234);
  for (std::size_t cut = 0; cut < kQuery.size(); ++cut) CHECK_FALSE(dns::server_failure(kQuery.substr(0, cut)));
  CHECK_FALSE(dns::server_failure(*failure));  // an answer
  auto pointer = kQuery;
  pointer[12] = '\xc0';
  CHECK_FALSE(dns::server_failure(pointer));
}

TEST_CASE("dns: with no resolver that answers, SERVFAIL by UDP and TCP") {
  Fixture f("nameserver nonsense\nsearch x\n");
  const dns::DnsProxy proxy("127.0.0.1", f.dir / "resolv.conf", f.port);
  CHECK(is_server_failure(f.ask_udp(kQuery)));
  CHECK(is_server_failure(f.ask_tcp(kQuery)));
}

TEST_CASE("dns: resolvers are asked in turn, and the answer is passed on as it is") {
  Fixture f("");
  // The proxy asks port 53 of a resolver; here that is an address of the loopback on which only we listen.
  const dns::DnsProxy proxy("127.0.0.1", f.dir / "resolv.conf", f.port);
  UniqueFd resolver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto address = local(53);
  address.sin_addr.s_addr = htonl(0x7f4d5801);  // 127.77.88.1
  if (::bind(resolver.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    MESSAGE("skipped: no right to listen on port 53");
    return;
  }
  os::replace_file(f.dir / "resolv.conf", "nameserver 127.77.88.2\nnameserver 127.77.88.1\n");
  std::thread server([&] {
    char buffer[512];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto n = ::recvfrom(resolver.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
    const std::string answer = std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0))) + "answer";
    ::sendto(resolver.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  });
  CHECK(f.ask_udp(kQuery) == kQuery + "answer");
  server.join();
}

TEST_CASE("dns: one container that asks without end leaves room for the others") {
  Fixture f("");
  const dns::DnsProxy proxy("127.0.0.1", f.dir / "resolv.conf", f.port);
  UniqueFd resolver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto address = local(53);
  address.sin_addr.s_addr = htonl(0x7f4d5803);  // 127.77.88.3
  if (::bind(resolver.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    MESSAGE("skipped: no right to listen on port 53");
    return;
  }
  os::replace_file(f.dir / "resolv.conf", "nameserver 127.77.88.3\n");
  const auto client = [&](const char* source) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    auto from = local(0);
    inet_pton(AF_INET, source, &from.sin_addr);
    const auto to = local(f.port);
    REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) == 0);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return fd;
  };
  const auto greedy = client("127.0.0.1"), other = client("127.0.0.2");
  char buffer[512];
  // The resolver answers nobody, so that the first queries stay under way; the one that is too many is refused. Each waits a
  // moment, or a proxy that gets no time would never have heard most of them.
  for (int i = 0; !os::wait_for(greedy.get(), POLLIN, Deadline::in(std::chrono::milliseconds(1))); ++i) {
    REQUIRE(i < 5000);
    REQUIRE(::send(greedy.get(), kQuery.data(), kQuery.size(), 0) > 0);
    while (::recv(resolver.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  }
  const auto refused = ::recv(greedy.get(), buffer, sizeof buffer, 0);
  CHECK(is_server_failure(std::string(buffer, static_cast<std::size_t>(refused))));
  const std::string question = "\x77\x77" + kQuery.substr(2);
  bool heard = false;
  // What the greedy one has sent may still fill the buffers on the way: the other asks again, as every client does.
  for (const auto deadline = Deadline::in(std::chrono::seconds(20)); !heard && !deadline.passed();) {
    REQUIRE(::send(other.get(), question.data(), question.size(), 0) > 0);
    while (!heard && os::wait_for(resolver.get(), POLLIN, Deadline::in(std::chrono::milliseconds(200)))) {
      const auto n = ::recv(resolver.get(), buffer, sizeof buffer, 0);
      heard = std::string(buffer, static_cast<std::size_t>(n)) == question;
    }
  }
  CHECK(heard);
}
