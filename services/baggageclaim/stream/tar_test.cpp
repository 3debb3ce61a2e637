// Archives out of a directory and into another, and archives that were made to harm.
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <functional>

#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/link_names.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/stream/extents.hpp"
#include "services/baggageclaim/stream/pending_directories.hpp"
#include "services/baggageclaim/stream/stream_in.hpp"
#include "services/baggageclaim/stream/stream_out.hpp"
#include "services/baggageclaim/testing.hpp"
#include "services/baggageclaim/testing_archive.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

namespace {

constexpr std::uint32_t kMax = 4294967294;

std::string archive_of(const TempDir& dir, const std::string& path = "", const IdView& view = IdView::plain(),
                       Holes holes = Holes::zeros) {
  StringSink sink;
  stream_out(open_tar_source(dir.open().get(), path), view, Encoding::raw, sink, holes);
  return sink.text;
}

void extract(const TempDir& dir, const std::string& archive, const ExtractOptions& options = {}) {
  StringSource source(archive, 10'000);
  extract_archive(dir.open().get(), source, Encoding::raw, options);
}

struct Entry {
  std::string path;
  mode_t mode = S_IFREG | 0644;
  std::string content;  // or a link's target
  bool hard_link = false;
  std::int64_t uid = 0;
};

// By libarchive itself, so that the names are as bad as we like.
std::string make_archive(const std::vector<Entry>& entries, bool gnu = false) {
  const Utf8Locale utf8;
  std::string out(1 << 20, '\0');
  std::size_t used = 0;
  const ArchiveWriter writer(archive_write_new(), archive_write_free);
  gnu ? archive_write_set_format_gnutar(writer.get()) : archive_write_set_format_pax(writer.get());
  archive_write_open_memory(writer.get(), out.data(), out.size(), &used);
  for (const auto& entry : entries) {
    const ArchiveEntry header(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(header.get(), entry.path.c_str());
    archive_entry_set_mode(header.get(), entry.mode);
    archive_entry_set_uid(header.get(), entry.uid);
    archive_entry_set_mtime(header.get(), 1'600'000'000, 5);
    if (entry.hard_link) archive_entry_set_hardlink(header.get(), entry.content.c_str());
    else if (S_ISLNK(entry.mode)) archive_entry_set_symlink(header.get(), entry.content.c_str());
    else if (S_ISREG(entry.mode)) archive_entry_set_size(header.get(), static_cast<la_int64_t>(entry.content.size()));
    archive_write_header(writer.get(), header.get());
    if (S_ISREG(entry.mode) && !entry.hard_link) archive_write_data(writer.get(), entry.content.data(), entry.content.size());
  }
  archive_write_close(writer.get());
  out.resize(used);
  return out;
}

std::string refused(const std::string& archive, const std::function<void(const TempDir&)>& prepare = {}) {
  const TempDir dir;
  if (prepare) prepare(dir);
  try {
    extract(dir, archive);
  } catch (const ClientError& e) {
    CHECK(e.status() == 400);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("tar: a tree comes back as it was") {
  if (skip_without_root()) return;
  const TempDir from, to;
  from.write("file", "content");
  from.write("suid", "x", 06755);
  from.write("empty", "");
  from.write("d/e/deep", std::string(1'000'000, 'z') + "end");
  from.write(std::string(200, 'n') + "/" + std::string(200, 'm'), "long names");
  from.write("\xc3\xa4\xff\x01 odd\n", "bytes");
  fs::create_symlink("/etc/passwd", from.path / "absolute");
  fs::create_symlink("../d", from.path / "d/up");
  fs::create_hard_link(from.path / "file", from.path / "d/other-name");
  CHECK(::mkfifo((from.path / "fifo").c_str(), 0640) == 0);
  CHECK(::mknod((from.path / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  CHECK(::chown((from.path / "d").c_str(), 3'000'000, 7) == 0);
  CHECK(::lchown((from.path / "absolute").c_str(), 5, 6) == 0);
  CHECK(::setxattr((from.path / "file").c_str(), "user.note", "v\0w", 3, 0) == 0);
  CHECK(::setxattr((from.path / "file").c_str(), "trusted.secret", "no", 2, 0) == 0);
  fs::permissions(from.path / "d/e", fs::perms(0500));
  const timespec times[2] = {{0, UTIME_NOW}, {1'500'000'000, 123'456'789}};
  for (const char* name : {"file", "d", "absolute"})
    CHECK(::utimensat(AT_FDCWD, (from.path / name).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
  fs::permissions(from.path, fs::perms(0750));

  extract(to, archive_of(from), {.view = IdView::plain(), .devices = true, .limits = {}, .implicit_mode = 0755});

  for (const auto& entry : fs::recursive_directory_iterator(from.path)) {
    const auto name = entry.path().lexically_relative(from.path);
    const auto want = lstat_of(entry.path()), got = lstat_of(to.path / name);
    CHECK_MESSAGE(want.st_mode == got.st_mode, name);
    CHECK_MESSAGE(want.st_uid == got.st_uid, name);
    CHECK_MESSAGE(want.st_gid == got.st_gid, name);
    CHECK_MESSAGE(want.st_mtim.tv_sec == got.st_mtim.tv_sec, name);
    CHECK_MESSAGE(want.st_mtim.tv_nsec == got.st_mtim.tv_nsec, name);
    CHECK_MESSAGE(want.st_nlink == got.st_nlink, name);
    CHECK_MESSAGE(want.st_rdev == got.st_rdev, name);
    if (S_ISLNK(want.st_mode)) CHECK(fs::read_symlink(entry.path()) == fs::read_symlink(to.path / name));
    if (S_ISREG(want.st_mode)) CHECK_MESSAGE((os::read_file(entry.path()) == os::read_file(to.path / name)), name);
  }
  CHECK((lstat_of(to.path).st_mode & 07777) == 0750);
  CHECK(lstat_of(to.path / "file").st_ino == lstat_of(to.path / "d/other-name").st_ino);
  char value[8];
  CHECK(::getxattr((to.path / "file").c_str(), "user.note", value, sizeof value) == 3);
  CHECK(::getxattr((to.path / "file").c_str(), "trusted.secret", value, sizeof value) == -1);
}

TEST_CASE("tar: of many files in one directory none is mistaken for another") {
  const TempDir from, to;
  const auto content = [](int i) { return std::to_string(i) + std::string(static_cast<std::size_t>(i) * 97 % 40'000, 'c'); };
  constexpr int kFiles = 700;
  for (int i = 0; i < kFiles; ++i) from.write("d/f" + std::to_string(i), content(i));
  for (int i = 0; i < 30; ++i) from.write("d/s" + std::to_string(i) + "/f", content(i));
  for (int i = 0; i < kFiles; i += 50)
    fs::create_hard_link(from.path / "d" / ("f" + std::to_string(i)), from.path / "d" / ("h" + std::to_string(i)));
  CHECK(::setxattr((from.path / "d/f7").c_str(), "user.note", "7", 1, 0) == 0);
  fs::resize_file(from.path / "d/f8", 30'000);  // with a hole at its end

  extract(to, archive_of(from));

  CHECK(os::list_directory(to.path / "d") == os::list_directory(from.path / "d"));
  for (int i = 0; i < kFiles; ++i)
    if (i != 8) CHECK((os::read_file(to.path / "d" / ("f" + std::to_string(i))) == content(i)));
  for (int i = 0; i < 30; ++i) CHECK((os::read_file(to.path / "d" / ("s" + std::to_string(i)) / "f") == content(i)));
  for (int i = 0; i < kFiles; i += 50)
    CHECK(lstat_of(to.path / "d" / ("f" + std::to_string(i))).st_ino == lstat_of(to.path / "d" / ("h" + std::to_string(i))).st_ino);
  char value[2];
  CHECK(::getxattr((to.path / "d/f7").c_str(), "user.note", value, sizeof value) == 1);
  CHECK(::getxattr((to.path / "d/f6").c_str(), "user.note", value, sizeof value) == -1);
  CHECK(os::read_file(to.path / "d/f8")->size() == 30'000);
}

TEST_CASE("tar: a reader that goes while files are read ahead ends the archiver") {
  const TempDir from;
  for (int i = 0; i < 500; ++i) from.write("f" + std::to_string(i), std::string(30'000, 'x'));
  class Gone : public ByteSink {
   public:
    void write(std::string_view) override { throw Error(ErrorKind::cancelled, "gone"); }
    void finish() override {}
  } gone;
  CHECK_THROWS_WITH_AS(stream_out(open_tar_source(from.open().get(), ""), IdView::plain(), Encoding::raw, gone), "gone", Error);
}

TEST_CASE("tar: holes stay holes, named or as zeros, and zeros become holes") {
  const TempDir from;
  constexpr off_t kSize = 60 << 20;
  const auto make = [&](const char* name, std::vector<off_t> data) {
    from.write(name, "");
    const auto fd = os::open_file(from.path / name, O_WRONLY);
    for (const auto at : data) CHECK(::pwrite(fd.get(), "middle", 6, at) == 6);
    CHECK(::ftruncate(fd.get(), kSize) == 0);
  };
  make("middle", {50 << 20});
  make("hole", {});
  make("ends", {0, kSize - 6});
  std::vector<off_t> many;
  for (off_t at = 8192; at < kSize; at += 128 << 10) many.push_back(at);
  make("many", many);
  from.write("zeros", std::string(10 << 20, '\0') + "end");
  for (const auto holes : {Holes::kept, Holes::zeros}) {
    const TempDir to;
    const auto archive = archive_of(from, "", IdView::plain(), holes);
    if (holes == Holes::kept) CHECK(archive.size() < (20 << 20));
    else CHECK(archive.size() > 4ul * kSize);
    extract(to, archive);
    for (const char* name : {"middle", "hole", "ends", "many", "zeros"}) {
      const auto status = lstat_of(to.path / name);
      CHECK_MESSAGE(status.st_size == lstat_of(from.path / name).st_size, name);
      CHECK_MESSAGE(status.st_blocks * 512 < (8 << 20), name);
      CHECK_MESSAGE((os::read_file(to.path / name) == os::read_file(from.path / name)), name);
    }
  }
}

TEST_CASE("tar: zeros at any place of a file are read back as they were") {
  const TempDir from;
  std::uint32_t state = 1;
  for (int file = 0; file < 60; ++file) {
    std::string content;
    for (int i = 0; i < 6; ++i) {
      state = state * 1664525 + 1013904223;
      content += std::string((state >> 16) % 150'000, (state >> 8 & 1) != 0 ? '\0' : 'x');
    }
    from.write(std::to_string(file), content);
  }
  const TempDir to;
  extract(to, archive_of(from));
  for (int file = 0; file < 60; ++file)
    CHECK((os::read_file(to.path / std::to_string(file)) == os::read_file(from.path / std::to_string(file))));
}

TEST_CASE("tar: the smallest holes of a file with very many become zeros") {
  const TempDir dir;
  dir.write("f", "");
  const auto fd = os::open_file(dir.path / "f", O_WRONLY);
  for (off_t at = 0; at < (8 << 20); at += 16 << 10) CHECK(::pwrite(fd.get(), "x", 1, at) == 1);
  CHECK(::ftruncate(fd.get(), 100 << 20) == 0);
  const auto status = lstat_of(dir.path / "f");
  const auto all = data_extents(os::open_file(dir.path / "f", O_RDONLY).get(), status, 1000);
  const auto few = data_extents(os::open_file(dir.path / "f", O_RDONLY).get(), status, 50);
  CHECK(all.size() == 512);
  CHECK(few.size() < 50);
  CHECK(few.back().at + few.back().size <= (8 << 20));
}

TEST_CASE("tar: a tree deeper than descriptors and paths go comes back") {
  const TempDir from, to, up;
  // Each directory is made above the last: no path is ever long.
  constexpr int kDepth = 3000;
  const std::string name(17, 'n');
  from.write("leaf/file", "deep");
  fs::create_hard_link(from.path / "leaf/file", from.path / "leaf/other");
  fs::rename(from.path / "leaf", up.path / "0");
  for (int i = 1; i < kDepth; ++i) {
    fs::create_directory(up.path / std::to_string(i));
    fs::rename(up.path / std::to_string(i - 1), up.path / std::to_string(i) / name);
  }
  fs::rename(up.path / std::to_string(kDepth - 1), from.path / name);
  rlimit before{};
  CHECK(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{400, before.rlim_max};
  CHECK(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto archive = archive_of(from);
  extract(to, archive);
  CHECK((archive_of(to) == archive));
  CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  for (const auto* dir : {&from, &to}) remove_children(dir->open().get());
}

TEST_CASE("tar: files of several names beyond what can be remembered are files of their own") {
  LinkNames names(4000);
  struct stat status {};
  status.st_nlink = 2;
  int forgotten = 0;
  names.enter("d");
  for (int round = 0; round < 2; ++round)
    for (status.st_ino = 1; status.st_ino <= 100; ++status.st_ino) {
      const auto seen = names.seen_before(status, "f" + std::to_string(status.st_ino));
      if (round == 0) CHECK_FALSE(seen);
      else if (seen) CHECK(*seen == "d/f" + std::to_string(status.st_ino));
      else ++forgotten;
    }
  CHECK(names.has_given_up());
  CHECK(forgotten > 50);
  CHECK(forgotten < 90);
}

TEST_CASE("tar: directories that wait for their attributes take no more than their own names") {
  PendingDirectories pending;
  std::string path;
  for (int i = 0; i < 20'000; ++i) {
    path += i == 0 ? "n" : "/n";
    pending.add(path, 0700, {i, 0});
  }
  CHECK_FALSE(pending.full());
  std::size_t count = 0;
  std::string last;
  pending.take_all([&](const std::string& got, mode_t, const timespec& time) {
    CHECK(time.tv_sec == static_cast<time_t>(count++));
    last = got;
  });
  CHECK(count == 20'000);
  CHECK((last == path));
  for (int i = 0; i < 300'000; ++i) pending.add(std::to_string(i), 0700, {});
  CHECK(pending.full());
}

TEST_CASE("tar: ids in the archive are the container's") {
  if (skip_without_root()) return;
  const TempDir from, to;
  const auto unprivileged = IdView::unprivileged(kMax);
  for (const auto& [name, id] : {std::pair{"root", kMax}, {"user", 1000u}, {"stray", 0u}}) {
    from.write(name);
    CHECK(::chown((from.path / name).c_str(), id, id) == 0);
  }
  const auto archive = archive_of(from, "", unprivileged);

  extract(to, archive, {.view = IdView::privileged(kMax), .devices = false, .limits = {}, .implicit_mode = 0755});
  CHECK(lstat_of(to.path / "root").st_uid == 0);
  CHECK(lstat_of(to.path / "user").st_uid == 1000);
  CHECK(lstat_of(to.path / "stray").st_uid == 65534);

  const TempDir back;
  extract(back, archive, {.view = unprivileged, .devices = false, .limits = {}, .implicit_mode = 0755});
  CHECK(lstat_of(back.path / "root").st_uid == kMax);
  CHECK(lstat_of(back.path / "root").st_gid == kMax);
  CHECK_THROWS_AS(extract(back, make_archive({{.path = "x", .uid = kMax}}),
                          {.view = unprivileged, .devices = false, .limits = {}, .implicit_mode = 0755}),
                  ClientError);
}

TEST_CASE("tar: a single file is the only member, under its own name; a link to it too") {
  const TempDir dir;
  dir.write("a/b/file", "content");
  fs::create_symlink("/a/b/file", dir.path / "link");
  for (const char* path : {"a/b/file", "./a//b/./file", "/a/b/file", "../../a/b/file", "link"}) {
    const TempDir to;
    extract(to, archive_of(dir, path));
    CHECK(os::list_directory(to.path) == std::vector<std::string>{fs::path(path).filename()});
    CHECK(os::read_existing_file(to.path / fs::path(path).filename()) == "content");
  }
  for (const char* none : {"none", "a/none", "a/b/file/x", "a/b/file/"})
    if (std::string_view(none) != "a/b/file/") {
      try {
        (void)open_tar_source(dir.open().get(), none);
        FAIL("found " << none);
      } catch (const ClientError& e) {
        CHECK(e.status() == 404);
        CHECK(e.shown() == "no such file or directory");
      }
    }
}

TEST_CASE("tar: no path leads out of the directory on the way out") {
  const TempDir outside, dir;
  outside.write("secret", "s");
  fs::create_directory_symlink(outside.path, dir.path / "out");
  fs::create_symlink("../../../../../../etc/passwd", dir.path / "passwd");
  for (const char* path : {"out/secret", "passwd", "../../../../etc/passwd", "/proc/self/root/etc/passwd"})
    CHECK_THROWS_AS_MESSAGE(open_tar_source(dir.open().get(), path), ClientError, path);
}

TEST_CASE("tar: no member leads out of the directory on the way in") {
  const TempDir outside;
  const auto out = outside.path.string();
  CHECK(refused(make_archive({{.path = "../x"}})).find("..") != std::string::npos);
  CHECK(refused(make_archive({{.path = "a/../../x"}})).find("..") != std::string::npos);
  CHECK(refused(make_archive({{.path = "l", .mode = S_IFLNK | 0777, .content = out}, {.path = "l/x"}})) != "");
  CHECK(refused(make_archive({{.path = "l", .mode = S_IFLNK | 0777, .content = "../../../.." + out}, {.path = "l/x"}})) != "");
  CHECK(refused(make_archive({{.path = "h", .content = "../etc/passwd", .hard_link = true}})) != "");
  CHECK(refused(make_archive({{.path = "l", .mode = S_IFLNK | 0777, .content = out + "/target"},
                              {.path = "h", .content = "l", .hard_link = true},
                              {.path = "h"}})) == "");
  CHECK(refused(make_archive({{.path = "d/x"}}), [&](const TempDir& dir) { fs::create_directory_symlink(out, dir.path / "d"); }) !=
        "");
  CHECK(os::list_directory(outside.path).empty());

  const TempDir dir;
  extract(dir, make_archive({{.path = "/etc/x", .content = "y"}}));
  CHECK(os::read_existing_file(dir.path / "etc/x") == "y");
}

TEST_CASE("tar: what is there makes way for what comes") {
  const TempDir outside, dir;
  outside.write("target", "old");
  dir.write("file", "old");
  dir.write("d/kept", "kept");
  fs::create_symlink(outside.path / "target", dir.path / "link");
  fs::create_directory_symlink(outside.path, dir.path / "dir-link");
  fs::create_directory(dir.path / "empty");
  extract(dir, make_archive({{.path = "file", .content = "new"},
                             {.path = "link", .content = "new"},
                             {.path = "d/", .mode = S_IFDIR | 0711},
                             {.path = "dir-link/", .mode = S_IFDIR | 0755},
                             {.path = "dir-link/inside", .content = "new"},
                             {.path = "empty", .content = "new"},
                             {.path = "same", .content = "1"},
                             {.path = "same", .content = "2"}}));
  CHECK(os::read_existing_file(dir.path / "file") == "new");
  CHECK(os::read_existing_file(dir.path / "link") == "new");
  CHECK(os::read_existing_file(outside.path / "target") == "old");
  CHECK(os::read_existing_file(dir.path / "d/kept") == "kept");
  CHECK((lstat_of(dir.path / "d").st_mode & 07777) == 0711);
  CHECK(S_ISDIR(lstat_of(dir.path / "dir-link").st_mode));
  CHECK(os::list_directory(outside.path) == std::vector<std::string>{"target"});
  CHECK(os::read_existing_file(dir.path / "empty") == "new");
  CHECK(os::read_existing_file(dir.path / "same") == "2");
}

TEST_CASE("tar: what an unprivileged volume can't have is refused") {
  CHECK(refused(make_archive({{.path = "dev", .mode = S_IFCHR | 0666}})).find("device") != std::string::npos);
  CHECK(refused(make_archive({{.path = "x", .content = "nothing", .hard_link = true}})) != "");
  CHECK(refused(make_archive({{.path = "f", .content = "1"}, {.path = "f/x"}})) != "");
  CHECK(refused("this is no archive, however long one looks at it" + std::string(2000, 'x')) != "");
  CHECK(refused(make_archive({{.path = "a", .content = std::string(5000, 'x')}}).substr(0, 3000)) != "");
}

TEST_CASE("tar: GNU archives, empty ones, and ones without an end are read") {
  const TempDir dir;
  extract(dir, make_archive({{.path = std::string(150, 'l') + "/x", .content = "gnu"}}, /*gnu=*/true));
  CHECK(os::read_existing_file(dir.path / std::string(150, 'l') / "x") == "gnu");
  extract(dir, "");
  extract(dir, std::string(1024, '\0'));
  auto endless = make_archive({{.path = "y", .content = "1"}}, true);
  endless.resize(1024);
  extract(dir, endless);
  CHECK(os::read_existing_file(dir.path / "y") == "1");
  extract(dir, make_archive({{.path = "z"}}) + "whatever follows");
}

TEST_CASE("tar: ceilings on entries, bytes and ratio") {
  const TempDir dir;
  const auto three = make_archive({{.path = "a", .content = "12345"}, {.path = "b"}, {.path = "c"}});
  CHECK_THROWS_AS(extract(dir, three, {.view = IdView::plain(), .devices = false, .limits = {.entries = 2}, .implicit_mode = 0755}),
                  ClientError);
  CHECK_THROWS_AS(extract(dir, three, {.view = IdView::plain(), .devices = false, .limits = {.bytes = 4}, .implicit_mode = 0755}),
                  ClientError);
  extract(dir, three, {.view = IdView::plain(), .devices = false, .limits = {.entries = 3, .bytes = 5}, .implicit_mode = 0755});

  // 200 MiB of zeros, in a few KiB.
  StringSink bomb;
  const auto encoder = make_encoder(Encoding::zstd, bomb);
  const std::string zeros(1 << 20, '\0');
  for (int i = 0; i < 200; ++i) encoder->write(zeros);
  encoder->finish();
  StringSource source(bomb.text);
  CHECK_THROWS_AS(extract_archive(dir.open().get(), source, Encoding::zstd,
                                  {.view = IdView::plain(), .devices = false, .limits = {.ratio = 1000}, .implicit_mode = 0755}),
                  ClientError);
}

TEST_CASE("tar: a client that goes ends the archiver, one that breaks off ends the extractor") {
  const TempDir from, to;
  from.write("big", std::string(20 << 20, 'b'));
  class GoneSink : public StringSink {
    void write(std::string_view) override { throw Error(ErrorKind::cancelled, "gone"); }
  } gone;
  CHECK_THROWS_AS(stream_out(open_tar_source(from.open().get(), ""), IdView::plain(), Encoding::raw, gone), Error);
  CHECK_FALSE(gone.finished);

  class BrokenSource : public StringSource {
   public:
    using StringSource::StringSource;
    std::size_t read(char* out, std::size_t size) override {
      const auto n = StringSource::read(out, size);
      if (n == 0) throw Error(ErrorKind::invalid, "broken off");
      return n;
    }
  } broken(archive_of(from).substr(0, 5 << 20));
  CHECK_THROWS_WITH_AS(extract_archive(to.open().get(), broken, Encoding::raw, {}), "broken off", Error);
}
