// Handles, and paths in volumes. An input is lines: a letter and its words, separated by NUL.
//
//   h HANDLE     is it one? Then it is one step of a path, whatever it is
//   m PATH       make these directories        o PATH   archive this
//   l PATH TEXT  make a symbolic link          b PATH   open this beneath the root
//   u URL        a peer's stream-in            p TARGET a request's target
//
// Whatever is opened lies in the volume, whatever its links say.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/http/router.hpp"
#include "common/os/file.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "common/testing/fuzz.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/fuzz/jail.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/p2p/peer_stream.hpp"
#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/stream/stream_out.hpp"
#include "services/baggageclaim/testing_streams.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::fuzz;
using concourse::testing::fuzz_check;

namespace {

constexpr std::string_view kVolume = "/volumes/live/v/volume";
constexpr std::size_t kMaxLines = 64;

void check_inside(int fd) {
  char path[8192];
  const auto n = ::readlink(fd_path(fd).c_str(), path, sizeof path);
  const std::string_view real(path, n > 0 ? static_cast<std::size_t>(n) : 0);
  // The thread's root isn't the process's: /proc names the path as the process would.
  const auto at = real.find(kVolume);
  fuzz_check(at != std::string_view::npos, "an opened path lies in the volume");
  const auto rest = real.substr(at + kVolume.size());
  fuzz_check(rest.empty() || rest.front() == '/', "an opened path lies in the volume, not beside it");
}

void check_handle(const std::string& handle) {
  if (!is_valid_handle(handle)) return;
  const auto path = fs::path("/volumes/live") / handle;
  fuzz_check(path.parent_path() == "/volumes/live" && path.filename() == handle, "a handle is one step of a path");
  fuzz_check(handle.size() <= 128 && handle != "." && handle != ".." && handle.find('\0') == std::string::npos,
             "a handle is a name");
  fuzz_check(percent_encode(handle) == handle, "a handle needs no escapes");
}

void check_target(std::string_view text) {
  const auto target = http::split_target(text);
  for (const auto pattern :
       {protocol::baggageclaim::kVolume, protocol::baggageclaim::kProperty, protocol::baggageclaim::kStreamOut}) {
    std::map<std::string, std::string> captures;
    if (http::match(pattern, target.path, captures)) check_handle(captures.at("handle"));
  }
}

void check_peer(const std::string& text) {
  const auto url = parse_peer_url(text);
  fuzz_check(!url.host.empty() && url.target.starts_with("/volumes/"), "a peer's URL names a host and a volume");
  const auto head = url.host + url.port + url.target;
  fuzz_check(head.find_first_of(std::string_view("\r\n \0", 4)) == std::string::npos, "a peer's URL can't add headers");
}

void make_link(int root, const std::string& path, const std::string& text) {
  const auto clean = clean_relative(path);
  const auto slash = clean.rfind('/');
  const auto parent = make_directories_in_root(root, slash == std::string::npos ? "" : clean.substr(0, slash));
  (void)::symlinkat(text.c_str(), parent.get(), clean.substr(slash == std::string::npos ? 0 : slash + 1).c_str());
}

void step(int root, char what, const std::string& word, const std::string& second) {
  switch (what) {
    case 'h': return check_handle(word);
    case 'p': return check_target(word);
    case 'u': return check_peer(word);
    case 'l': return make_link(root, word, second);
    case 'm': return check_inside(make_directories_in_root(root, word).get());
    case 'b':
      if (const auto fd = open_beneath(root, word, O_PATH)) check_inside(fd->get());
      return;
    case 'o': {
      auto source = open_tar_source(root, word);
      check_inside(source.fd.get());
      fuzz_check(source.name.find('/') == std::string::npos, "a file's name in an archive is one step");
      baggageclaim::testing::StringSink sink;
      return stream_out(std::move(source), IdView::plain(), Encoding::raw, sink);
    }
    default: return;
  }
}

void run(std::string_view input) {
  const auto volume = std::string(kVolume);
  fs::create_directories(volume);
  fs::create_directories("/outside");
  if (!fs::exists("/outside/file")) os::replace_file("/outside/file", "untouched");
  const auto root = open_directory(volume);
  os::replace_file(volume + "/file", "content");
  auto lines = split(input, '\n');
  if (lines.size() > kMaxLines) lines.resize(kMaxLines);
  for (const auto& line : lines) {
    if (line.size() < 2) continue;
    const auto nul = line.find('\0', 2);
    const auto second = nul == std::string::npos ? std::string() : line.substr(nul + 1);
    try {
      step(root.get(), line[0], line.substr(2, nul == std::string::npos ? nul : nul - 2), second);
    } catch (const Error&) {
    }
  }
  remove_children(root.get());
  fuzz_check(os::list_directory("/volumes/live/v") == std::vector<std::string>{"volume"}, "nothing appears beside the volume");
  fuzz_check(os::list_directory("/outside") == std::vector<std::string>{"file"}, "nothing appears outside the volume");
  fuzz_check(os::list_directory("/") == std::vector<std::string>{"outside", "proc", "volumes"}, "nothing appears outside");
}

}  // namespace

namespace concourse::testing {

std::vector<std::string> fuzz_seeds() {
  using namespace std::string_literals;
  return {
      "h 7b3c5d4e-0f1a-4b2c-8d3e-4f5a6b7c8d9e\nh ..\nh work\nh a.b\nh %2e%2e\nh "s + std::string(129, 'a'),
      "l up\0../../../outside\nb up/file\no up/file\nm up/x"s,
      "l abs\0/outside\no abs\no abs/file\nm abs/new/deeper\nb abs/file"s,
      "m a/b\nl a/l\0../b/../..\no a/l/file\nb a/l\nm a/l/x/y"s,
      "l loop\0loop\no loop\nm loop/x\nb loop"s,
      "l magic\0/proc/self/root/outside\no magic/file\nl fd\0/proc/self/fd/3\no fd"s,
      "m ../../x\nm /x/./y//z\nm .\nm \no ../file\no \nb ../outside\nb /outside/file"s,
      "u http://10.0.0.5:7788/volumes/abc-1/stream-in?path=.&limit=1.5\nu http://[fd00::5]/volumes/a/stream-in",
      "p /volumes/..%2F..%2Fetc/privileged\np /volumes/a/properties/b+c?x=1&x=%zz\np /volumes//stream-out?path=%2e%2e/",
  };
}

void fuzz_one(std::string_view input) {
  if (input.size() > 64 << 10) return;
  Jail::instance().run([&] { run(input); });
}

}  // namespace concourse::testing
