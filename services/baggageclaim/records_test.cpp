// What stands on disk about volumes: metadata, format, marks, stages, and the tools that flush them.
#include <thread>

#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/filesystem.hpp"
#include "services/baggageclaim/machine.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/testing.hpp"
#include "services/baggageclaim/unsynced.hpp"
#include "services/baggageclaim/volume_format.hpp"
#include "services/baggageclaim/volume_kinds.hpp"
#include "services/baggageclaim/walk_marker.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

namespace {
struct Fixture {
  TempDir dir;
  VolumeDir volume{Stage::live, "v", dir.path / "live" / "v"};
  Fixture() { fs::create_directories(volume.path); }
};
}  // namespace

TEST_CASE("metadata: the Go worker's files, byte for byte") {
  const Fixture f;
  write_properties(f.volume, Properties{{"k", "<v>"}});
  write_privileged(f.volume, true);
  write_parent(f.volume, "/volumes/live/p");
  CHECK(os::read_existing_file(f.volume.file("properties.json")) == "{\"k\":\"\\u003cv\\u003e\"}\n");
  CHECK(os::read_existing_file(f.volume.file("privileged.json")) == "true\n");
  CHECK(read_properties(f.volume) == Properties{{"k", "<v>"}});
  CHECK(read_privileged(f.volume));
  CHECK(read_parent(f.volume) == "p");
  write_properties(f.volume, std::nullopt);
  CHECK(os::read_existing_file(f.volume.file("properties.json")) == "null\n");
  CHECK_FALSE(read_properties(f.volume));
  CHECK(os::list_directory(f.volume.path).size() == 3);
}

TEST_CASE("metadata: missing is no such volume, broken is an error") {
  const Fixture f;
  CHECK_THROWS_AS(read_privileged(f.volume), ClientError);
  CHECK_FALSE(read_parent(f.volume));
  for (const char* bad : {"", "\"yes\"", "{", "1"}) {
    os::replace_file(f.volume.file("privileged.json"), bad);
    CHECK_THROWS_AS_MESSAGE(read_privileged(f.volume), Error, bad);
  }
  os::replace_file(f.volume.file("properties.json"), "[]");
  CHECK_THROWS_AS(read_properties(f.volume), Error);
}

TEST_CASE("format: comes back, and what isn't understood is refused") {
  const Fixture f;
  CHECK_FALSE(read_format(f.volume));
  VolumeFormat format;
  format.driver = "overlay";
  format.shifted = true;
  format.strategy = "cow";
  format.layers = {"a", "b"};
  format.owners = {IdPermutation::swap(0, 1000), {}};
  format.volatile_since = "boot";
  format.made_privileged = true;
  format.made_properties = Properties{{"a", "b"}};
  write_format(f.volume, format);
  CHECK(read_format(f.volume) == format);
  for (const char* bad : {"", "{}", "{\"version\":2,\"root\":\"0\"}", "{\"version\":1,\"root\":\"1\"}",
                          "{\"version\":1,\"root\":\"0\",\"layers\":[\"..\"]}", "{\"version\":1,\"root\":\"0\",\"uids\":[[0,1]]}",
                          "{\"version\":1,\"root\":\"0\",\"uids\":[[0,-1]]}"}) {
    os::replace_file(f.volume.file(kFormatFile), bad);
    CHECK_THROWS_AS_MESSAGE(read_format(f.volume), Error, bad);
  }
}

TEST_CASE("volume kinds: by the record, else by the parent, and only what is new is read") {
  const TempDir dir;
  Filesystem filesystem(Paths(dir.path / "volumes", ""));
  const auto add = [&](const std::string& handle, const char* strategy) {
    const auto volume = filesystem.make(handle);
    VolumeFormat format;
    format.strategy = strategy;
    write_format(volume, format);
    return filesystem.move(volume, Stage::live);
  };
  add("e", "empty");
  const auto copy = add("c1", "cow");
  const auto odd = add("odd", "of another version");
  write_parent(add("c2", ""), copy.path);
  add("u", "");
  os::replace_file(add("broken", "cow").file(kFormatFile), "{");

  VolumeKinds kinds;
  using Counts = std::map<std::string, std::size_t>;
  CHECK(kinds.count(filesystem) == Counts{{"empty", 1}, {"import", 0}, {"cow", 2}, {"unknown", 3}});
  os::replace_file(copy.file(kFormatFile), "{");
  filesystem.move(odd, Stage::dead);
  add("i", "import");
  CHECK(kinds.count(filesystem) == Counts{{"empty", 1}, {"import", 1}, {"cow", 2}, {"unknown", 2}});
}

TEST_CASE("filesystem: a volume is in one stage, and moves never replace") {
  const TempDir dir;
  Filesystem filesystem(Paths(dir.path / "volumes", ""));
  const auto volume = filesystem.make("v");
  CHECK_THROWS_AS(filesystem.make("v"), Error);
  CHECK_FALSE(is_record_torn(volume));
  write_format(volume, {});
  const auto live = filesystem.move(volume, Stage::live);
  CHECK_FALSE(is_record_torn(live));
  os::replace_file(live.file(kFormatFile), "");
  CHECK(is_record_torn(live));
  CHECK(filesystem.find(Stage::live, "v"));
  CHECK_FALSE(filesystem.find(Stage::init, "v"));
  CHECK_THROWS_AS(filesystem.make("v"), Error);
  fs::create_directory(filesystem.paths().stage(Stage::dead) / "v");
  CHECK_THROWS_AS(filesystem.move(live, Stage::dead), SysError);
  CHECK(filesystem.find(Stage::live, "v"));
  dir.write("volumes/live/stray");
  CHECK_FALSE(filesystem.find(Stage::live, "stray"));
  CHECK(filesystem.list(Stage::live) == std::vector<std::string>{"stray", "v"});
  fs::remove_all(filesystem.paths().stage(Stage::dead));
  CHECK_THROWS_AS(filesystem.list(Stage::dead), SysError);
}

TEST_CASE("filesystem: quarantine keeps everything, with its reason") {
  const TempDir dir;
  Filesystem filesystem(Paths(dir.path, ""));
  for (const char* round : {"v", "v.1"}) {
    fs::create_directory(dir.path / "live/v");
    CHECK(filesystem.quarantine("v", "because").filename() == round);
  }
  CHECK(os::read_existing_file(dir.path / "quarantine/v.reason") == "because\n");
  const auto kept = filesystem.quarantined();
  CHECK(std::find(kept.begin(), kept.end(), "v") != kept.end());
}

TEST_CASE("machine: data is kept over a restart, an orderly stop, and nothing else") {
  const TempDir dir;
  const Paths paths(dir.path, "");
  const auto first = Machine::look(paths);
  CHECK(first.boot_id().size() == 36);
  CHECK(first.kept_since(first.boot_id()));
  CHECK_FALSE(first.kept_since("before"));
  CHECK_FALSE(first.kept_since(""));
  first.note_clean_stop(paths);
  const auto second = Machine::look(paths);
  CHECK(Machine("after", first.boot_id()).kept_since(first.boot_id()));
  CHECK_FALSE(fs::exists(paths.clean_stop()));  // true once

  Machine third("after", "");
  first.note_clean_stop(paths);
  third.look_again(paths);
  CHECK(third.kept_since(first.boot_id()));
}

TEST_CASE("unsynced: the mark goes after the flush, a stream under way counts, a torn mark is nobody's") {
  const TempDir dir;
  const Paths paths(dir.path, "");
  const VolumeDir volume{Stage::live, "v", dir.path / "live/v"};
  fs::create_directories(volume.path);
  Syncer syncer(paths, "boot");
  CHECK_FALSE(read_unsynced(volume));
  syncer.mark(volume);
  CHECK(read_unsynced(volume) == "boot");
  os::replace_file(volume.file(kUnsyncedFile), "");
  CHECK(read_unsynced(volume) == "");
  fs::remove(volume.file(kUnsyncedFile));
  os::replace_file(volume.file(kStreamInFile), "{\"boot\":\"earlier\"}");
  CHECK(read_unsynced(volume) == "earlier");
  syncer.release("v");
  CHECK(syncer.waiting() == 1);
}

TEST_CASE("walk marker: goes with success, stays with an exception") {
  const Fixture f;
  CHECK(WalkMarker::left(f.volume) == WalkMarker::Left::nothing);
  { const WalkMarker marker(f.volume); }
  CHECK(WalkMarker::left(f.volume) == WalkMarker::Left::nothing);
  try {
    const WalkMarker marker(f.volume);
    throw Error(ErrorKind::internal, "interrupted");
  } catch (const Error&) {
  }
  CHECK(WalkMarker::left(f.volume) == WalkMarker::Left::repeatable);
  try {
    const WalkMarker marker(f.volume, false);
    throw Error(ErrorKind::internal, "interrupted");
  } catch (const Error&) {
  }
  CHECK(WalkMarker::left(f.volume) == WalkMarker::Left::ruined);
}
