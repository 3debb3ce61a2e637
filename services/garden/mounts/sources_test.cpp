#include "services/garden/mounts/sources.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "common/base/deadline.hpp"
#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::garden;
namespace fs = std::filesystem;

namespace {

// A worker whose operator has moved the work directory, and the volumes in it, and left links where they were.
struct Worker {
  testing::TempDir temp;
  const fs::path here = fs::canonical(temp.path);
  const fs::path volume = here / "disk/live/v/volume";
  const Paths paths{here / "run", here / "work"};
  const fs::path named = paths.work_dir / "volumes/live/v/volume";

  Worker() {
    os::make_directories(volume / "rootfs/bin");
    os::make_directories(here / "host/secret");
    os::make_directories(here / "elsewhere/garden");
    fs::create_directory_symlink("elsewhere", here / "work");
    fs::create_directory_symlink(here / "disk", here / "elsewhere/volumes");
  }
  std::string refusal(const fs::path& path) const {
    try {
      (void)open_without_links(paths, path.string(), "rootfs", O_DIRECTORY);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }
  bool is_refused_for_a_link(const fs::path& path) const {
    return refusal(path) == "rootfs '" + path.string() + "': there is a symbolic link in it; name the place to which it leads";
  }
};

ino_t inode(const UniqueFd& fd) {
  struct stat st {};
  REQUIRE(::fstat(fd.get(), &st) == 0);
  return st.st_ino;
}

}  // namespace

TEST_CASE("mount sources: links of the operator's lead to the volumes, in whatever words") {
  const Worker w;
  const auto rootfs = inode(os::open_file(w.volume / "rootfs", O_PATH));
  for (const auto& path : {w.named / "rootfs", w.named / "rootfs/", w.named / "./x/../rootfs", w.volume / "rootfs"})
    CHECK(inode(open_without_links(w.paths, path.string(), "rootfs")) == rootfs);
  CHECK(w.refusal(w.paths.work_dir).empty());
  CHECK(w.refusal(w.paths.work_dir / "garden").empty());
  CHECK(w.refusal("/").empty());
  CHECK(w.refusal(w.named / "absent") == "rootfs '" + (w.named / "absent").string() + "': No such file or directory");
}

TEST_CASE("mount sources: no link is followed below the volumes, and none in other paths") {
  const Worker w;
  fs::create_directory_symlink(w.here / "host", w.volume / "abs");
  fs::create_directory_symlink("../../../../host", w.volume / "rel");
  fs::create_directory_symlink("rootfs", w.volume / "own");
  fs::create_directory_symlink("/proc/self/root", w.volume / "magic");
  fs::create_directory_symlink("abs", w.volume / "chain");
  for (const char* name : {"abs", "rel", "own", "magic", "chain", "abs/secret", "rel/secret", "own/bin"}) {
    CHECK(w.is_refused_for_a_link(w.named / name));
    CHECK(w.is_refused_for_a_link(w.volume / name));
  }
  CHECK(w.is_refused_for_a_link(w.paths.work_dir / "volumes/dead"));  // only the live ones are where volumes are
  for (const auto* path : {"/proc/self/root", "/proc/self/cwd", "/proc/1/root"}) CHECK(w.is_refused_for_a_link(path));
}

TEST_CASE("mount sources: a root that is swapped for a link all the while is opened as itself or not at all") {
  const Worker w;
  const auto rootfs = inode(os::open_file(w.volume / "rootfs", O_PATH));
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    std::error_code ignored;
    while (!stop) {
      fs::rename(w.volume / "rootfs", w.volume / "aside", ignored);
      fs::create_directory_symlink(w.here / "host", w.volume / "rootfs", ignored);
      fs::remove(w.volume / "rootfs", ignored);
      fs::rename(w.volume / "aside", w.volume / "rootfs", ignored);
    }
  });
  const auto deadline = Deadline::in(std::chrono::seconds(30));
  int opened = 0, refused = 0, wrong = 0;
  while ((opened < 1000 || refused < 1000) && !deadline.passed()) {
    try {
      const auto fd = open_without_links(w.paths, (w.named / "rootfs").string(), "rootfs");
      (inode(fd) == rootfs ? opened : wrong) += 1;
    } catch (const Error&) {
      ++refused;
    }
  }
  stop = true;
  attacker.join();
  CHECK(wrong == 0);
  CHECK(opened > 0);
  CHECK(refused > 0);
}
