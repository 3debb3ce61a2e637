#include "services/baggageclaim/stream/stream_in.hpp"

#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/stream/merge.hpp"
#include "services/baggageclaim/stream/stream_in_journal.hpp"
#include "services/baggageclaim/stream/stream_out.hpp"
#include "services/baggageclaim/testing.hpp"
#include "services/baggageclaim/unsynced.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

namespace {

struct Fixture {
  TempDir dir;
  VolumeDir volume{Stage::live, "v", dir.path / "v"};
  Fixture() { fs::create_directories(volume.data()); }

  UniqueFd root() const { return os::open_file(volume.data(), O_RDONLY | O_DIRECTORY); }
  void in(const std::string& path, const std::string& archive) const {
    StringSource source(archive, 5000);
    stream_in(volume, root().get(), path, source, Encoding::raw, {}, "boot-1");
  }
  std::vector<std::string> names(const std::string& path = "") const { return os::list_directory(volume.data() / path); }
  bool has_journal() const { return fs::exists(volume.file(kStreamInFile)); }
};

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  const TempDir from;
  for (const auto& [name, content] : files) from.write(name, content);
  fs::permissions(from.path, fs::perms(0711));
  StringSink sink;
  stream_out(open_tar_source(from.open().get(), ""), IdView::plain(), Encoding::raw, sink);
  return sink.text;
}

const std::string kBroken = tar_of({{"a", "1"}, {"b/c", std::string(100'000, 'x')}}).substr(0, 60'000);

}  // namespace

TEST_CASE("stream in: what came is there, and marked until it is flushed") {
  const Fixture f;
  f.in("", tar_of({{"a", "1"}, {"b/c", "2"}}));
  CHECK(f.names() == std::vector<std::string>{"a", "b"});
  CHECK((lstat_of(f.volume.data()).st_mode & 07777) == 0711);
  CHECK_FALSE(f.has_journal());
  CHECK(read_unsynced(f.volume) == "boot-1");

  f.in("new/place", tar_of({{"x", "3"}}));
  CHECK(f.names("new/place") == std::vector<std::string>{"x"});
}

TEST_CASE("stream in: a stream that breaks leaves an empty target as it was") {
  const Fixture f;
  const auto before = lstat_of(f.volume.data());
  CHECK_THROWS_AS(f.in("", kBroken), ClientError);
  CHECK(f.names().empty());
  const auto after = lstat_of(f.volume.data());
  CHECK(before.st_mode == after.st_mode);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  CHECK_FALSE(f.has_journal());

  CHECK_THROWS_AS(f.in("made/for/it", kBroken), ClientError);
  CHECK(f.names().empty());
}

TEST_CASE("stream in: a stream that breaks leaves what was there alone") {
  const Fixture f;
  f.in("", tar_of({{"a", "old"}, {"b/d", "old"}}));
  CHECK_THROWS_AS(f.in("", kBroken), ClientError);
  CHECK(f.names() == std::vector<std::string>{"a", "b"});
  CHECK(os::read_existing_file(f.volume.data() / "a") == "old");
  CHECK(f.names("b") == std::vector<std::string>{"d"});
  CHECK_FALSE(f.has_journal());
}

TEST_CASE("stream in: a stream into something is merged with it") {
  const Fixture f;
  f.in("", tar_of({{"a", "old"}, {"b/d", "old"}, {"f", "file"}}));
  fs::create_directory(f.volume.data() / "e");
  f.in("", tar_of({{"a", "new"}, {"b/c", "new"}, {"e", "file now"}, {"f/x", "directory now"}}));
  CHECK(f.names() == std::vector<std::string>{"a", "b", "e", "f"});
  CHECK(os::read_existing_file(f.volume.data() / "a") == "new");
  CHECK(f.names("b") == std::vector<std::string>{"c", "d"});
  CHECK(os::read_existing_file(f.volume.data() / "e") == "file now");
  CHECK(f.names("f") == std::vector<std::string>{"x"});

  CHECK_THROWS_AS(f.in("", tar_of({{"a", "newer"}, {"b", "a file over a full directory"}})), ClientError);
  CHECK(os::read_existing_file(f.volume.data() / "a") == "new");
}

TEST_CASE("stream in: trees deeper than descriptors go are merged") {
  const TempDir staged, target;
  constexpr int kDepth = 1500;
  make_deep(staged.path, kDepth, "new");
  make_deep(target.path, kDepth);
  {
    const FewDescriptors few(400);
    check_merge(staged.open().get(), target.open().get());
    merge_tree(staged.open().get(), target.open().get());
  }
  CHECK(os::list_directory(staged.path).empty());
  auto at = target.open();
  for (int i = 0; i < kDepth; ++i) at = open_directory_at(at.get(), kDeepName);
  for (const char* name : {"file", "other", "new"}) CHECK(::faccessat(at.get(), name, F_OK, 0) == 0);
  remove_children(target.open().get());
}

TEST_CASE("stream in: of wide and nested directories everything is merged") {
  const TempDir staged, target;
  for (int i = 0; i < 400; ++i) {
    const auto name = std::string(200, 'd') + std::to_string(i);
    staged.write(name + "/new");
    if (i % 2 == 0) target.write(name + "/old");
  }
  merge_tree(staged.open().get(), target.open().get());
  CHECK(os::list_directory(staged.path).empty());
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(target.path)) found += entry.is_regular_file();
  CHECK(found == 600);
}

TEST_CASE("stream in: recovery undoes what was under way") {
  const Fixture f;
  CHECK_FALSE(recover_stream_in(f.volume, f.root().get()));

  SUBCASE("into an empty target") {
    fs::create_directories(f.volume.data() / "p/q");
    StreamInJournal journal;
    journal.path = "p/q";
    journal.made = "p";
    write_journal(f.volume, journal);
    os::replace_file(f.volume.data() / "p/q/half", "x");
    CHECK(recover_stream_in(f.volume, f.root().get()));
    CHECK(f.names().empty());
  }
  SUBCASE("beside the target") {
    os::replace_file(f.volume.data() / "kept", "x");
    fs::create_directory(f.volume.data() / ".stream-in-1");
    os::replace_file(f.volume.data() / ".stream-in-1/half", "x");
    StreamInJournal journal;
    journal.staging = ".stream-in-1";
    journal.mode = lstat_of(f.volume.data()).st_mode;
    write_journal(f.volume, journal);
    CHECK(recover_stream_in(f.volume, f.root().get()));
    CHECK(f.names() == std::vector<std::string>{"kept"});
  }
  CHECK_FALSE(f.has_journal());
}

TEST_CASE("stream in: recovery finds a merge that was complete but for its note") {
  const Fixture f;
  os::replace_file(f.volume.data() / "merged", "x");
  StreamInJournal journal;
  journal.phase = StreamInJournal::Phase::merging;
  journal.staging = ".stream-in-1";
  write_journal(f.volume, journal);
  CHECK(recover_stream_in(f.volume, f.root().get()));
  CHECK(f.names() == std::vector<std::string>{"merged"});
  CHECK_FALSE(f.has_journal());
}

TEST_CASE("stream in: recovery completes a merge that was cut short") {
  const Fixture f;
  fs::create_directories(f.volume.data() / "d");
  os::replace_file(f.volume.data() / "d/old", "x");
  os::replace_file(f.volume.data() / "moved-already", "new");
  fs::create_directories(f.volume.data() / ".stream-in-1/d");
  os::replace_file(f.volume.data() / ".stream-in-1/d/new", "y");
  StreamInJournal journal;
  journal.phase = StreamInJournal::Phase::merging;
  journal.boot = "boot-1";
  journal.staging = ".stream-in-1";
  write_journal(f.volume, journal);

  CHECK(read_unsynced(f.volume) == "boot-1");
  CHECK(recover_stream_in(f.volume, f.root().get()));
  CHECK(f.names() == std::vector<std::string>{"d", "moved-already"});
  CHECK(f.names("d") == std::vector<std::string>{"new", "old"});
  CHECK(read_unsynced(f.volume) == "boot-1");
  CHECK_FALSE(f.has_journal());
}
