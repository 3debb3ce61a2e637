#include "services/garden/disk/disk_limit.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/garden/disk/btrfs_subvolume.hpp"

using namespace concourse;
using namespace concourse::garden;
namespace fs = std::filesystem;

TEST_CASE("disk limit: what is below a directory is measured, each file once, and nothing that links lead to") {
  const testing::TempDir temp;
  os::make_directories(temp.path / "volume/a/b");
  const auto deadline = Deadline::in(std::chrono::seconds(10));
  const auto empty = bytes_below(temp.path / "volume", deadline);
  const auto file = [&](const fs::path& path) { os::write_file_durably(path, std::string(1 << 20, 'x')); };
  file(temp.path / "volume/a/b/file");
  file(temp.path / "outside");
  const auto one = bytes_below(temp.path / "volume", deadline);
  CHECK(one - empty >= 1 << 20);
  CHECK(one - empty < (1 << 20) + (1 << 17));
  fs::create_hard_link(temp.path / "volume/a/b/file", temp.path / "volume/again");
  fs::create_symlink(temp.path / "outside", temp.path / "volume/link");
  fs::create_directory_symlink(temp.path, temp.path / "volume/up");
  CHECK(bytes_below(temp.path / "volume", deadline) - one < 1 << 17);
  CHECK_THROWS_WITH_AS(bytes_below(temp.path / "volume", Deadline::in(Duration::zero())), doctest::Contains("took too long"),
                       Error);
}

TEST_CASE("disk limit: a directory is no subvolume, and one that is gone is an error") {
  const testing::TempDir temp;
  CHECK_FALSE(BtrfsSubvolume::at(temp.path));
  CHECK_FALSE(BtrfsSubvolume::at("/proc"));
  CHECK_THROWS_AS(BtrfsSubvolume::at(temp.path / "gone"), SysError);
}

TEST_CASE("disk limit: where it can't hold, the container is made nevertheless") {
  const testing::TempDir temp;
  ContainerSpec spec;
  const auto deadline = Deadline::in(std::chrono::seconds(10));
  spec.rootfs = (temp.path / "volume/rootfs").string();
  spec.limits.disk_bytes = 1;
  CHECK_NOTHROW(hold_disk_limit(spec, deadline));  // not even there
  os::make_directories(spec.rootfs);
  CHECK_NOTHROW(hold_disk_limit(spec, deadline));
  lift_disk_limit(spec);
}
