// Paths beneath a root, removal, copies, the mount table.
#include <malloc.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <atomic>
#include <mutex>
#include <set>

#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/mount_table.hpp"
#include "services/baggageclaim/disk/mount_users.hpp"
#include "services/baggageclaim/disk/parallel_walk.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/testing.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

TEST_CASE("beneath: paths are a chrooted process'") {
  const TempDir dir;
  dir.write("a/file");
  fs::create_directory_symlink("/a", dir.path / "absolute");
  fs::create_directory_symlink("../../../a", dir.path / "above");
  const auto root = dir.open();
  for (const char* path : {"a/file", "absolute/file", "above/file", "../a/file", "/a/../a/file"})
    CHECK_MESSAGE(open_in_root(root.get(), path, O_RDONLY), path);
  CHECK_FALSE(open_in_root(root.get(), "etc/passwd", O_RDONLY));
  CHECK_FALSE(open_in_root(root.get(), "a/file/x", O_RDONLY));
  CHECK(open_beneath(root.get(), "a/../a/file", O_RDONLY));
  for (const char* path : {"absolute/file", "above/file", "../a"})
    CHECK_THROWS_AS_MESSAGE(open_beneath(root.get(), path, O_RDONLY), SysError, path);
}

TEST_CASE("beneath: missing directories are made, and the first of them is named") {
  const TempDir dir;
  fs::create_directories(dir.path / "there");
  fs::create_directory_symlink("/there", dir.path / "link");
  std::string made;
  make_directories_in_root(dir.open().get(), "link/x/../y", 0755, &made);
  CHECK(made == "link/x");
  CHECK(fs::is_directory(dir.path / "there/y"));
  make_directories_in_root(dir.open().get(), "./there//y/", 0755, &made);
  CHECK(made.empty());
  dir.write("file");
  CHECK_THROWS_AS(make_directories_in_root(dir.open().get(), "file/x"), SysError);
  CHECK(clean_relative("/a/./b//c/") == "a/b/c");
  CHECK(clean_relative("././") == "");
  CHECK(clean_relative("../a") == "../a");
}

TEST_CASE("remove: any depth, links not followed, immutable files too") {
  const TempDir outside, dir;
  outside.write("kept");
  fs::create_directory_symlink(outside.path, dir.path / "link");
  auto deep = os::open_file(dir.path, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 1500; ++i) {
    REQUIRE(::mkdirat(deep.get(), "deeper", 0755) == 0);
    REQUIRE(::close(::openat(deep.get(), "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
    deep.reset(::openat(deep.get(), "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  deep.reset();
  if (::geteuid() == 0) (void)!std::system(("chattr +i " + (dir.path / "file").string() + " 2>/dev/null").c_str());
  remove_children(dir.open().get());
  CHECK(os::list_directory(dir.path).empty());
  CHECK(os::list_directory(outside.path).size() == 1);

  dir.write("t/x");
  remove_tree(dir.path / "t");
  remove_tree(dir.path / "t");
  remove_tree(dir.path / "no/such/tree");
  CHECK(os::list_directory(dir.path).empty());
}

TEST_CASE("copy: as cp -a") {
  const TempDir from, to, outside;
  outside.write("behind", "content behind a link", 0600);
  from.write("d/file", "content", 04751);
  from.write("sparse", "");
  {
    const auto fd = os::open_file(from.path / "sparse", O_WRONLY);
    CHECK(::pwrite(fd.get(), "x", 1, 8 << 20) == 1);
    CHECK(::ftruncate(fd.get(), 16 << 20) == 0);
  }
  fs::create_hard_link(from.path / "d/file", from.path / "other");
  fs::create_symlink(outside.path / "behind", from.path / "link");
  CHECK(::mkfifo((from.path / "fifo").c_str(), 0600) == 0);
  CHECK(::setxattr((from.path / "d/file").c_str(), "user.note", "v", 1, 0) == 0);
  const timespec times[2] = {{1, 2}, {1'500'000'000, 7}};
  for (const char* name : {"d/file", "d", "link"})
    CHECK(::utimensat(AT_FDCWD, (from.path / name).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
  fs::permissions(from.path, fs::perms(0700));

  copy_tree(from.open().get(), to.open().get(), {});

  for (const char* name : {"", "d", "d/file", "other", "link", "fifo", "sparse"}) {
    const auto want = lstat_of(from.path / name), got = lstat_of(to.path / name);
    CHECK_MESSAGE(want.st_mode == got.st_mode, name);
    if (std::string_view(name).starts_with("d")) CHECK_MESSAGE(want.st_mtim.tv_nsec == got.st_mtim.tv_nsec, name);
  }
  CHECK(os::read_existing_file(to.path / "d/file") == "content");
  CHECK(lstat_of(to.path / "d/file").st_ino == lstat_of(to.path / "other").st_ino);
  CHECK(lstat_of(to.path / "sparse").st_size == 16 << 20);
  CHECK(lstat_of(to.path / "sparse").st_blocks * 512 < 1 << 20);
  CHECK(fs::read_symlink(to.path / "link") == outside.path / "behind");
  char value[4];
  CHECK(::getxattr((to.path / "d/file").c_str(), "user.note", value, sizeof value) == 1);

  const TempDir followed;
  fs::remove(from.path / "fifo");
  copy_tree(from.open().get(), followed.open().get(), {.follow_links = true, .map_id = {}, .stop = {}});
  CHECK(os::read_existing_file(followed.path / "link") == "content behind a link");
  CHECK(S_ISREG(lstat_of(followed.path / "link").st_mode));
}

TEST_CASE("copy: a tree deeper than descriptors and paths go, with hard links down there") {
  const TempDir from, to;
  make_deep(from.path, 1500);
  {
    const FewDescriptors few(400);
    copy_tree(from.open().get(), to.open().get(), {});
  }
  auto want = from.open(), got = to.open();
  int level = 0;
  for (; want && got; ++level) {
    struct stat file {
    }, other{};
    if (::fstatat(got.get(), "file", &file, 0) == 0 && ::fstatat(got.get(), "other", &other, 0) == 0) {
      CHECK(file.st_ino == other.st_ino);
      CHECK(file.st_nlink == 2);
      break;
    }
    want = open_directory_at(want.get(), kDeepName);
    got = open_directory_at(got.get(), kDeepName);
  }
  CHECK(level == 1500);
  for (const auto* dir : {&from, &to}) remove_children(dir->open().get());
}

TEST_CASE("copy: a tree that is deeper than a path may be ends with its reason") {
  const TempDir from, to;
  make_deep(from.path, 3700);
  CHECK_THROWS_WITH_AS(copy_tree(from.open().get(), to.open().get(), {}), doctest::Contains("nested too deeply"), Error);
  for (const auto* dir : {&from, &to}) remove_children(dir->open().get());
}

TEST_CASE("copy: a loop of links that are followed ends") {
  const TempDir from, to;
  fs::create_directory(from.path / "d");
  fs::create_directory_symlink(from.path / "d", from.path / "d/again");
  const CopyOptions follow{.follow_links = true, .map_id = {}, .stop = {}};
  CHECK_THROWS_WITH_AS(copy_tree(from.open().get(), to.open().get(), follow), doctest::Contains("nested too deeply"), Error);
  remove_children(to.open().get());
}

TEST_CASE("walk: every entry once, however deep") {
  const TempDir dir;
  SUBCASE("deep") {
    make_deep(dir.path, 1500);
    const FewDescriptors few(400);
    std::atomic<int> entries = 0;
    walk_parallel(dir.open().get(), 4, [&](const WalkEntry&) { return ++entries, true; });
    CHECK(entries == 1 + 1500 + 2);
  }
  SUBCASE("too deep") {
    make_deep(dir.path, 3700);
    CHECK_THROWS_WITH_AS(walk_parallel(dir.open().get(), 2, [](const WalkEntry&) { return true; }),
                         doctest::Contains("nested too deeply"), Error);
  }
  remove_children(dir.open().get());
}

TEST_CASE("walk: of many directories few wait for a thread, and each is seen once") {
  const TempDir dir;
  const std::string name(240, 'w');
  constexpr int kMany = 8'000;
  const auto root = dir.open();
  for (int i = 0; i < kMany; ++i) {
    REQUIRE(::mkdirat(root.get(), (name + std::to_string(i)).c_str(), 0700) == 0);
    if (i % 100 == 0) REQUIRE(::mkdirat(root.get(), (name + std::to_string(i) + "/below").c_str(), 0700) == 0);
  }
  for (const unsigned threads : {1u, 4u}) {
    std::mutex mutex;
    std::set<std::string> seen;
    std::size_t below = 0, most = 0, count = 0;
    const auto before = ::mallinfo2().uordblks;  // nothing with a sanitizer's allocator
    walk_parallel(root.get(), threads, [&](const WalkEntry& entry) {
      const std::lock_guard lock(mutex);
      const bool measured = threads == 1 && ++count % 100 == 0;
      if (const auto now = measured ? ::mallinfo2().uordblks : 0; now > before) most = std::max(most, now - before);
      if (threads == 1) return true;
      if (std::string_view(entry.name) == "below") ++below;
      else CHECK(seen.insert(entry.name).second);
      return true;
    });
    if (threads == 1) CHECK(most < 7 << 18);
    else CHECK(seen.size() == kMany + 1);
    if (threads == 4) CHECK(below == kMany / 100);
  }
  remove_children(dir.open().get());
}

TEST_CASE("copy: never into itself") {
  const TempDir dir;
  dir.write("a/file");
  fs::create_directories(dir.path / "z/target");
  const auto target = os::open_file(dir.path / "z/target", O_RDONLY | O_DIRECTORY);
  CHECK_THROWS_WITH_AS(copy_tree(dir.open().get(), target.get(), {}), "'./z/target' would be copied into itself", Error);
}

TEST_CASE("copy: stops when told, and names what it can't copy") {
  const TempDir from, to;
  from.write("a/b");
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_WITH_AS(
      copy_tree(from.open().get(), to.open().get(), {.follow_links = false, .map_id = {}, .stop = stop.get_token()}),
      "copy cancelled", Error);
  fs::create_symlink("/no/such/file", from.path / "dangling");
  CHECK_THROWS_WITH_AS(copy_tree(from.open().get(), to.open().get(), {.follow_links = true, .map_id = {}, .stop = {}}),
                       doctest::Contains("./dangling"), Error);
}

TEST_CASE("mount table: escapes and optional fields") {
  const MountTable table(
      parse_mount_table("22 1 254:1 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n"
                        "80 22 254:1 /o/h /v/live/h/volume rw,relatime,idmapped - ext4 /dev/vda rw\n"
                        "81 22 0:50 / /a\\040b\\134c rw - overlay volume-m1 rw,lowerdir=0/x\n"
                        "82 80 0:51 / /v/live/h/volume rw - tmpfs t rw\n"
                        "garbage\n"));
  const auto two = table.at("/v/live/h/volume");
  REQUIRE(two.size() == 2);
  CHECK(two[0].root == "/o/h");
  CHECK(two[0].options == "rw,relatime,idmapped");
  CHECK(two[1].type == "tmpfs");
  const auto first = table.at("/").at(0);
  CHECK(first.peers == 1);
  CHECK(first.master == 2);
  CHECK(first.device == makedev(254, 1));
  CHECK(two[0].peers == 0);
  REQUIRE(table.at("/a b\\c").size() == 1);
  CHECK(table.at("/a b\\c")[0].source == "volume-m1");
  CHECK(table.at("/v").empty());
  CHECK_FALSE(MountTable::read().at("/proc").empty());
}

TEST_CASE("mount table: a point is found by another name of its directory too") {
  const TempDir dir;
  fs::create_directory_symlink("/", dir.path / "root");
  CHECK_FALSE(MountTable::read().at(dir.path / "root/proc").empty());
}

TEST_CASE("mount users: a copy that goes with ours is no user") {
  const Mount ours{.device = makedev(0, 53), .point = "/v/live/h/volume", .peers = 7};
  const auto used = [&](Mount theirs) {
    theirs.device = ours.device;
    return MountUsers({theirs}).keep(ours);
  };
  CHECK_FALSE(MountUsers({}).keep(ours));
  CHECK_FALSE(MountUsers({Mount{.device = makedev(0, 54), .point = "/"}}).keep(ours));
  CHECK(used({.point = "/"}));                                  // a container's root
  CHECK(used({.point = "/tmp/build", .master = 7}));            // or what it has mounted
  CHECK_FALSE(used({.point = ours.point, .master = 7}));        // follows us
  CHECK_FALSE(used({.point = ours.point, .peers = 7}));         // the same namespace, as good as
  CHECK(used({.point = ours.point}));                           // a copy of its own
  CHECK(used({.point = ours.point, .peers = 8, .master = 9}));  // follows somebody else
  const Mount alone{.device = ours.device, .point = ours.point};
  CHECK(MountUsers({Mount{.device = ours.device, .point = ours.point}}).keep(alone));
}
