#include "services/garden/mounts/mount_points.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::garden;
namespace fs = std::filesystem;

namespace {

// Tests may run without root: then everything is one's own.
Owner container_root() { return ::geteuid() == 0 ? Owner{4294967294, 4294967294} : Owner{::geteuid(), ::getegid()}; }

struct Root {
  testing::TempDir temp;
  const fs::path& dir = temp.path;
  UniqueFd fd = os::open_file(temp.path, O_PATH | O_DIRECTORY);
  MountPoints points{fd, container_root(), "rootfs"};

  Root() {
    for (const char* name : {"dev", "proc", "sys", "etc", "tmp"}) os::make_directories(dir / name);
  }

  void link(const std::string& name, const std::string& target) {
    fs::remove_all(dir / name);
    fs::create_symlink(target, dir / name);
  }
  // What is said of it, without its beginning, or nothing.
  template <typename F>
  std::string refusal(F work) const {
    try {
      work();
      return "";
    } catch (const Error& e) {
      const std::string text = e.what(), beginning = "rootfs: its ";
      return text.starts_with(beginning) ? text.substr(beginning.size()) : text;
    }
  }
  std::string refusal_of_mount_on(const std::string& destination, bool directory = true) {
    return refusal([&] { points.find_or_make(destination, directory); });
  }
  bool is_at(const MountPoint& point, const fs::path& path) const {
    struct stat a {
    }, b{};
    return ::fstat(point.fd.get(), &a) == 0 && ::stat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  }
};

}  // namespace

TEST_CASE("mount points: what is there is found, what is missing is made, the container's root's own") {
  Root root;
  const auto made = root.points.find_or_make("/tmp/build/new", true);
  CHECK(made.path == "/tmp/build/new");
  CHECK(root.is_at(made, root.dir / "tmp/build/new"));
  struct stat st {};
  REQUIRE(::stat((root.dir / "tmp/build").c_str(), &st) == 0);
  CHECK(st.st_uid == container_root().uid);
  CHECK((st.st_mode & 07777) == 0755);
  CHECK(root.is_at(root.points.find_or_make("/etc/hosts", false), root.dir / "etc/hosts"));
  CHECK(fs::is_regular_file(root.dir / "etc/hosts"));
  std::ofstream(root.dir / "etc/hostname") << "x";
  CHECK(root.is_at(root.points.find_or_make("/etc/../etc/./hostname", false), root.dir / "etc/hostname"));
  CHECK(root.refusal_of_mount_on("/etc/hosts").ends_with("is a file: no directory can be mounted on it"));
  CHECK(root.refusal_of_mount_on("/etc", false).ends_with("is a directory: no file can be mounted on it"));
  CHECK(root.refusal_of_mount_on("/etc/hosts/below").ends_with("Not a directory"));
}

TEST_CASE("mount points: a link leads into the root, whether or not its target is there") {
  Root root;
  root.link("tmp", "/absent/../nowhere");
  CHECK(root.points.find_or_make("/tmp/build", true).path == "/nowhere/build");
  CHECK(fs::is_directory(root.dir / "nowhere/build"));
  root.link("etc", "../../../private/etc");
  CHECK(root.points.find_or_make("/etc/hosts", false).path == "/private/etc/hosts");
  CHECK(fs::is_regular_file(root.dir / "private/etc/hosts"));
  root.link("out", "/proc/self/cwd");
  CHECK(root.refusal_of_mount_on("/out").ends_with("which is the container's own"));
  root.link("tmp", "tmp");
  CHECK(root.refusal_of_mount_on("/tmp/x").ends_with("is a link that leads round in circles"));
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "/d";
  CHECK(root.refusal_of_mount_on(deep).ends_with("is too deep"));
}

TEST_CASE("mount points: what lies in an earlier mount is found there") {
  Root root;
  const testing::TempDir volume;
  const auto mounted = os::open_file(volume.path, O_PATH | O_DIRECTORY);
  const auto point = root.points.find_or_make("/tmp/build", true);
  root.points.cover(point.path, mounted);
  CHECK(root.is_at(root.points.find_or_make("/tmp/build/input", true), volume.path / "input"));
  CHECK_FALSE(fs::exists(root.dir / "tmp/build/input"));
  fs::create_symlink("/proc/self/attr", volume.path / "evil");
  CHECK(root.refusal_of_mount_on("/tmp/build/evil").ends_with("which is the container's own"));
  CHECK(root.is_at(root.points.find_or_make("/tmp/build", true), volume.path));  // on top of it
}

TEST_CASE("mount points: where the OCI runtime mounts its own, nothing is made") {
  Root root;
  root.link("dev/shm", "/etc");
  for (const char* place : {"/dev/shm/x", "/sys/fs/x"}) {
    const auto point = root.points.find_or_make(place, true);
    CHECK(point.path == place);
    CHECK_FALSE(point.fd);
  }
  CHECK_FALSE(fs::exists(root.dir / "sys/fs"));
  for (const char* name : {"dev", "proc", "sys"}) {
    Root other;
    const auto check = [&] { return other.refusal([&] { check_runtimes_places(other.fd, "rootfs"); }); };
    CHECK(check().empty());
    other.link(name, "/tmp");
    CHECK(check() == "'/" + std::string(name) + "' must be a directory, or not be there");
    fs::remove(other.dir / name);
    std::ofstream(other.dir / name) << "x";
    CHECK(check() == "'/" + std::string(name) + "' must be a directory, or not be there");
    fs::remove(other.dir / name);
    CHECK(check().empty());
  }
}

TEST_CASE("mount points: nothing is mounted on pipes and devices, however they are reached") {
  Root root;
  REQUIRE(::mkfifo((root.dir / "tmp/pipe").c_str(), 0600) == 0);
  root.link("etc/hosts", "/tmp/pipe");
  CHECK(root.refusal_of_mount_on("/etc/hosts", false) ==
        "'/etc/hosts' is neither a file nor a directory: nothing can be mounted on it");
  CHECK(root.refusal_of_mount_on("/tmp/../tmp/./pipe").ends_with("nothing can be mounted on it"));
}

TEST_CASE("mount points: no link leads a mount to what is the container's own") {
  Root root;
  root.link("tmp/up", "../../../..");
  root.link("tmp/abs", "/proc");
  root.link("tmp/chain", "abs/self");
  for (const auto& [destination, place] : std::map<std::string, std::string>{{"/tmp/up", "/"},
                                                                             {"/tmp/up/dev", "/dev"},
                                                                             {"/tmp/abs", "/proc"},
                                                                             {"/tmp/abs/sys/kernel", "/proc/sys/kernel"},
                                                                             {"/tmp/chain/attr", "/proc/self/attr"}})
    CHECK(root.refusal_of_mount_on(destination) == "'" + destination + "' leads to '" + place + "', which is the container's own");
  CHECK(root.refusal_of_mount_on("/tmp/up/tmp/x").empty());
}

TEST_CASE("mount points: a directory that is swapped for a link all the while leads nobody out") {
  Root root;
  const testing::TempDir outside;
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    std::error_code ignored;
    while (!stop) {
      fs::remove_all(root.dir / "tmp/x", ignored);
      fs::create_symlink(outside.path, root.dir / "tmp/x", ignored);
      fs::remove(root.dir / "tmp/x", ignored);
      fs::create_directory(root.dir / "tmp/x", ignored);
    }
  });
  int made = 0;
  for (int i = 0; i < 3000; ++i) made += root.refusal([&] { root.points.find_or_make("/tmp/x/y/z", true); }).empty();
  stop = true;
  attacker.join();
  CHECK(made > 0);
  CHECK(fs::is_empty(outside.path));
}
