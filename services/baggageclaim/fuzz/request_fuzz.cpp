// Requests as bytes of a connection, several after each other: heads, targets, JSON and tar bodies, against every route and real
// volumes (driver naive).
//
// Whatever comes: every answer is one of the protocol's; what isn't told of as failed is there; nothing half-made or foreign is
// among the volumes; nothing happens outside them.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/http/exchange.hpp"
#include "common/http/port.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"
#include "common/testing/fuzz.hpp"
#include "services/baggageclaim/api/error_reply.hpp"
#include "services/baggageclaim/api/routes.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/drivers/naive_driver.hpp"
#include "services/baggageclaim/fuzz/jail.hpp"
#include "services/baggageclaim/fuzz/tar_seeds.hpp"
#include "services/baggageclaim/handle.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::fuzz;
using concourse::testing::fuzz_check;

namespace {

constexpr std::size_t kMaxBytes = 64 << 10;  // what a socket takes without anybody reading
constexpr int kMaxRequests = 8;
constexpr auto kPatience = std::chrono::seconds(60);

// A server without its sockets, with the volumes `parent`, `child` and `plain`.
struct World {
  Filesystem filesystem{Paths("/volumes", "/overlays")};
  NaiveDriver driver;
  Syncer syncer{filesystem.paths(), "boot"};
  VolumeRepository volumes{filesystem, driver, IdPolicy{.max = 4294967294}, syncer};
  DiskWatch disk{filesystem.paths(), {}};
  PromiseList promises;
  FutureJournal futures{fs::path()};
  http::WorkerPool creations{2};
  Service service{volumes,
                  promises,
                  futures,
                  creations,
                  syncer,
                  disk,
                  {.interface_name = std::make_shared<const re2::RE2>("lo")},
                  {.entries = 500, .bytes = 8 << 20, .ratio = 1000}};
  http::Exchange exchange{routes(service), reply_error, http::ServerOptions{}};

  World() {
    make("parent", R"({"type":"import","path":"/outside"})");
    make("child", R"({"type":"cow","volume":"parent"})");
    make("plain", R"({"type":"empty"})");
  }
  void make(const std::string& handle, const std::string& strategy) {
    VolumeRequest request;
    request.handle = handle;
    request.strategy = parse_json(strategy);
    volumes.create(request, *parse_strategy(request.strategy));
  }
};

// Serves what the client sends and returns all that it was answered.
std::string converse(http::Exchange& exchange, std::string_view input) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw SysError("make a socket pair");
  const UniqueFd client(ends[0]);
  const int room = 8 << 20;
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  os::write_all(client.get(), input, "the request");
  ::shutdown(client.get(), SHUT_WR);
  {
    http::FdStream stream{UniqueFd(ends[1])};
    std::optional<http::Hold> hold;
    for (int i = 0; i < kMaxRequests; ++i) {
      if (!hold && stream.collect_head(http::Port::kMaxHead) == http::FdStream::Head::ended && !stream.has_buffered()) break;
      const auto next = exchange.serve_one(stream, i + 1 == kMaxRequests, http::Surface::whole, hold);
      if (next != http::Exchange::Next::keep && next != http::Exchange::Next::hold) break;
    }
  }
  std::string answer(1 << 16, '\0'), all;
  for (ssize_t n = 0; (n = ::read(client.get(), answer.data(), answer.size())) > 0;)
    all.append(answer, 0, static_cast<std::size_t>(n));
  return all;
}

void check_answer(const std::string& answer) {
  if (answer.empty()) return;  // no request, or one that broke off
  fuzz_check(answer.starts_with("HTTP/1.1 "), "an answer is one of HTTP/1.1");
  const auto status = answer.substr(9, 3);
  constexpr std::string_view kKnown = "100 200 201 204 400 403 404 405 413 414 416 417 422 431 500 501";
  fuzz_check(kKnown.find(status) != std::string_view::npos, "an answer's status is known: " + status);
}

void check_volumes(World& world) {
  fuzz_check(world.creations.wait_idle(Deadline::in(kPatience)), "creations end");
  for (const auto stage : {Stage::init, Stage::live})
    for (const auto& name : world.filesystem.list(stage)) {
      fuzz_check(stage == Stage::live, "nothing half-made stays: " + name);
      fuzz_check(is_valid_handle(name), "what lives has a handle: " + name);
      fuzz_check(fs::is_directory(world.filesystem.find(stage, name)->data()), "what lives has data: " + name);
    }
  const auto listed = world.volumes.list({});
  fuzz_check(listed.size() == world.filesystem.list(Stage::live).size(), "what lives is listed");
  for (const auto& volume : listed) world.volumes.get(volume.handle);
}

std::string request(const std::string& line, const std::string& body = "", const std::string& headers = "") {
  return line + " HTTP/1.1\r\nHost: w\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string chunked(const std::string& line, const std::string& body, const std::string& headers) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  return line + " HTTP/1.1\r\nHost: w\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n" + size + body + "\r\n0\r\n\r\n";
}

// Once: were everything refused, nothing would be tried.
void check_good_requests() {
  World world;
  const auto create = request("POST /volumes", R"({"handle":"h","strategy":{"type":"cow","volume":"parent"}})");
  fuzz_check(converse(world.exchange, create).starts_with("HTTP/1.1 201"), "a good creation is done");
  const auto stream = chunked("PUT /volumes/h/stream-in?path=.", tar_seeds().front(), "Content-Encoding: raw\r\n");
  fuzz_check(converse(world.exchange, stream).starts_with("HTTP/1.1 204"), "a good stream is taken");
}

void run(std::string_view input) {
  if (!fs::exists("/outside")) {
    fs::create_directories("/outside/d");
    os::replace_file("/outside/file", "untouched");
    fs::create_symlink("/outside", "/outside/d/link");
  }
  static const bool checked = (check_good_requests(), remove_tree("/volumes"), true);
  (void)checked;
  const auto outside = [] { return describe_tree(os::open_file("/outside", O_RDONLY | O_DIRECTORY).get()); };
  const auto before = outside();
  {
    World world;
    check_answer(converse(world.exchange, input));
    check_volumes(world);
  }
  fuzz_check(outside() == before, "nothing changes outside the volumes");
  fuzz_check(os::list_directory("/") == std::vector<std::string>{"outside", "proc", "volumes"}, "nothing appears outside");
  remove_tree("/volumes");
}

}  // namespace

namespace concourse::testing {

std::vector<std::string> fuzz_seeds() {
  const auto tar = tar_seeds().front();
  return {
      request("POST /volumes",
              R"({"handle":"h","strategy":{"type":"empty"},"properties":{"a":"b"},"privileged":true,"uid":1,"gid":2})"),
      request("POST /volumes",
              R"({"Handle":"","STRATEGY":{"type":"cow","volume":"parent"},"properties":null,"uid":-1,"gid":-1} x)"),
      request("POST /volumes", R"({"handle":"i","strategy":{"type":"import","path":"/outside","follow_symlinks":true}})"),
      request("POST /volumes-async", R"({"handle":"h","strategy":{"type":"cow","volume":"child"}})") +
          request("GET /volumes-async/h") + request("DELETE /volumes-async/h"),
      request("GET /volumes?a=b&c=d") + request("GET /volumes/parent") + request("GET /volumes/..%2Fparent"),
      request("PUT /volumes/child/properties/p%20q", R"({"value":"\u0000\ud83d\ude00"})") + request("GET /volumes?p+q=x"),
      request("GET /volumes/child/privileged") + request("PUT /volumes/child/privileged", R"({"value":true})"),
      request("DELETE /volumes/destroy", R"(["parent","nope","..","child"])") + request("POST /volumes/cleanup-orphans"),
      request("DELETE /volumes/parent") + request("DELETE /volumes/") + request("GET /p2p-url"),
      request("PUT /volumes/parent/stream-out?path=d/link/file", "", "Accept-Encoding: raw\r\n"),
      request("PUT /volumes/parent/stream-out?path=.", "", "Accept-Encoding: zstd\r\n"),
      chunked("PUT /volumes/plain/stream-in?path=x/../y&limit=0.5", tar, "Content-Encoding: raw\r\n"),
      chunked("PUT /volumes/child/stream-in?path=.", tar, "Content-Encoding: raw\r\nExpect: 100-continue\r\n"),
      request("PUT /volumes/child/stream-p2p-out?path=.&streamInURL=http://127.0.0.1:1/volumes/a/stream-in&encoding=raw"),
      "GET /volumes HTTP/1.0\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n",
  };
}

void fuzz_one(std::string_view input) {
  log::set_level(log::Level::fatal);
  if (input.size() > kMaxBytes) return;
  Jail::instance().run([&] { run(input); });
}

}  // namespace concourse::testing
