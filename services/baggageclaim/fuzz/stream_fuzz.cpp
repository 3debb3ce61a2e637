// Streams into a volume, in every encoding. The first byte of an input says how it is used (Use), the rest is the stream.
//
// Whatever comes: a failed stream leaves the volume as it was; a good one can be streamed out and in again and is the same;
// nothing happens outside the volume; nothing of the stream's own is left in it.
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/testing/fuzz.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/fuzz/jail.hpp"
#include "services/baggageclaim/fuzz/tar_seeds.hpp"
#include "services/baggageclaim/stream/s2_block.hpp"
#include "services/baggageclaim/stream/stream_in.hpp"
#include "services/baggageclaim/stream/stream_out.hpp"
#include "services/baggageclaim/testing_streams.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::fuzz;
using concourse::testing::fuzz_check;

namespace {

using baggageclaim::testing::StringSink;
using baggageclaim::testing::StringSource;

struct Use {
  Encoding encoding;
  bool wrapped;     // the stream is what is to be encoded, not what is encoded already
  bool filled;      // into a volume that has something in it
  bool privileged;  // devices may be made, container root is root
  bool block;       // it is one block of s2, which a checksum would hide in a stream
  bool repaired;    // headers get a good checksum, so that what else is wrong with them is seen
};

Use use_of(unsigned char byte) {
  return {static_cast<Encoding>(byte & 3), (byte & 4) != 0, (byte & 8) != 0, (byte & 16) != 0, (byte & 32) != 0, (byte & 64) != 0};
}

constexpr std::uint32_t kMaxId = 4294967294;

IdView view_of(const Use& use) { return use.privileged ? IdView::privileged(kMaxId) : IdView::unprivileged(kMaxId); }

std::string encoded(Encoding encoding, std::string_view bytes) {
  StringSink sink;
  const auto encoder = make_encoder(encoding, sink);
  encoder->write(bytes);
  encoder->finish();
  return sink.text;
}

std::string repaired(std::string_view bytes) {
  std::string tar(bytes);
  constexpr std::size_t kRecord = 512, kSum = 148, kSumWidth = 8, kMagic = 257;
  for (std::size_t at = 0; at + kRecord <= tar.size(); at += kRecord) {
    if (tar.compare(at + kMagic, 5, "ustar") != 0) continue;
    tar.replace(at + kSum, kSumWidth, kSumWidth, ' ');
    unsigned sum = 0;
    for (std::size_t i = at; i < at + kRecord; ++i) sum += static_cast<unsigned char>(tar[i]);
    char text[kSumWidth];
    std::snprintf(text, sizeof text, "%06o", sum & 0777777);
    tar.replace(at + kSum, kSumWidth - 1, text, kSumWidth - 1);
  }
  return tar;
}

// One volume in the jail, and a file beside it that no stream may reach.
struct World {
  VolumeDir volume{Stage::live, "v", "/live/v"};
  explicit World(const IdView& view) {
    fs::create_directories("/outside");
    if (!fs::exists("/outside/file")) os::replace_file("/outside/file", "untouched");
    fs::create_directories(volume.data());
    ::chmod(volume.data().c_str(), 0755);
    give_to(view, "");
  }
  UniqueFd root() const { return os::open_file(volume.data(), O_RDONLY | O_DIRECTORY); }
  static UniqueFd outside() { return os::open_file("/outside", O_RDONLY | O_DIRECTORY); }

  void give_to(const IdView& view, const char* name) const {
    if (::lchown((volume.data() / name).c_str(), view.root(), view.root()) != 0) throw SysError("set owner");
  }
  void fill(const IdView& view) const {
    fs::create_directories(volume.data() / "a/b");
    os::replace_file(volume.data() / "a/b/c", "old");
    os::replace_file(volume.data() / "f", "old");
    ::symlink("/outside", (volume.data() / "out").c_str());
    ::symlink("a", (volume.data() / "in").c_str());
    for (const char* name : {"a", "a/b", "a/b/c", "f", "out", "in"}) give_to(view, name);
  }
  void empty() const {
    remove_children(root().get());
    fs::remove(volume.file(kUnsyncedFile));
  }
};

// True if the stream was good.
bool stream(const World& world, const std::string& wire, Encoding encoding, const Use& use) {
  const ExtractOptions options{.view = view_of(use),
                               .devices = use.privileged,
                               .limits = {.entries = 500, .bytes = 8 << 20, .ratio = 1000},
                               .implicit_mode = 0755};
  StringSource source(wire, 4096);
  try {
    stream_in(world.volume, world.root().get(), "", source, encoding, options, "boot");
    return true;
  } catch (const Error&) {
    return false;
  }
}

void check_round_trip(const World& world, const Use& use) {
  const auto first = describe_tree(world.root().get());
  StringSink sink;
  stream_out(open_tar_source(world.root().get(), ""), view_of(use), Encoding::raw, sink);
  world.empty();
  Use again{};
  again.privileged = use.privileged;
  fuzz_check(stream(world, sink.text, Encoding::raw, again), "what was streamed out can be streamed in");
  const auto second = describe_tree(world.root().get());
  if (first != second) std::fprintf(stderr, "streamed in:\n%s\nand again:\n%s\n", first.c_str(), second.c_str());
  fuzz_check(first == second, "it is the same then");
}

// Once: were everything refused, nothing would be tried.
void check_good_streams() {
  const World world(view_of({}));
  for (const auto encoding : {Encoding::raw, Encoding::gzip, Encoding::zstd, Encoding::s2}) {
    Use use{};
    use.encoding = encoding;
    fuzz_check(stream(world, encoded(encoding, tar_seeds().front()), encoding, use), "a good stream is taken");
    fuzz_check(os::read_file(world.volume.data() / "a/b/c") == "content", "a good stream is extracted");
    world.empty();
  }
}

void run(const Use& use, std::string_view bytes) {
  static const bool checked = (check_good_streams(), true);
  (void)checked;

  const World world(view_of(use));
  if (use.filled) world.fill(view_of(use));
  const auto before = describe_tree(world.root().get());
  const auto outside = describe_tree(World::outside().get());
  const auto wire = use.repaired ? repaired(bytes) : std::string(bytes);
  const bool good = stream(world, use.wrapped ? encoded(use.encoding, wire) : wire, use.encoding, use);
  fuzz_check(describe_tree(World::outside().get()) == outside, "nothing changes outside the volume");
  fuzz_check(os::list_directory("/") == std::vector<std::string>{"live", "outside", "proc"}, "nothing appears outside the volume");
  fuzz_check(!fs::exists(world.volume.file(kStreamInFile)), "the journal goes");
  if (good) check_round_trip(world, use);
  else fuzz_check(describe_tree(world.root().get()) == before, "a failed stream leaves the volume as it was");
  world.empty();
}

}  // namespace

namespace concourse::testing {

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  for (const auto& tar : tar_seeds()) {
    for (const char use : {'\x40', '\x48', '\x50', '\x45', '\x00'}) seeds.push_back(use + tar);
    for (const auto encoding : {Encoding::gzip, Encoding::zstd, Encoding::s2})
      seeds.push_back(static_cast<char>(encoding) + encoded(encoding, tar));
  }
  // A literal, a copy with a one-byte and one with a two-byte offset, a repeated offset.
  seeds.push_back(
      std::string("\x20\x1b\x0c"
                  "abcd"
                  "\x01\x04"
                  "\x06\x04\x00"
                  "\x01\x00",
                  14));
  return seeds;
}

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  const auto use = use_of(static_cast<unsigned char>(input.front()));
  input.remove_prefix(1);
  if (use.block) {
    try {
      fuzz_check(decode_s2_block(input, 1 << 20).size() <= 1 << 20, "a block isn't longer than allowed");
    } catch (const Error&) {
    }
    return;
  }
  Jail::instance().run([&] { run(use, input); });
}

}  // namespace concourse::testing
