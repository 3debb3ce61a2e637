#include "services/garden/disk/disk_limit.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <fstream>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/garden/disk/btrfs_subvolume.hpp"

using namespace concourse;
using namespace concourse::garden;
namespace fs = std::filesystem;

namespace {
UniqueFd opened(const fs::path& path) { return os::open_file(path, O_PATH | O_DIRECTORY); }
}  // namespace

TEST_CASE("disk limit: what is below a directory is measured, each file once, and nothing that links lead to") {
  const testing::TempDir temp;
  os::make_directories(temp.path / "volume/a/b");
  const auto deadline = Deadline::in(std::chrono::seconds(10));
  const auto empty = bytes_below(opened(temp.path / "volume"), deadline);
  const auto file = [&](const fs::path& path) { os::write_file_durably(path, std::string(1 << 20, 'x')); };
  file(temp.path / "volume/a/b/file");
  file(temp.path / "outside");
  const auto one = bytes_below(opened(temp.path / "volume"), deadline);
  CHECK(one - empty >= 1 << 20);
  CHECK(one - empty < (1 << 20) + (1 << 17));
  fs::create_hard_link(temp.path / "volume/a/b/file", temp.path / "volume/again");
  fs::create_symlink(temp.path / "outside", temp.path / "volume/link");
  fs::create_directory_symlink(temp.path, temp.path / "volume/up");
  CHECK(bytes_below(opened(temp.path / "volume"), deadline) - one < 1 << 17);
  CHECK_THROWS_WITH_AS(bytes_below(opened(temp.path / "volume"), Deadline::in(Duration::zero())),
                       doctest::Contains("took longer than 0s"), Error);
}

TEST_CASE("disk limit: a directory is no subvolume") {
  const testing::TempDir temp;
  CHECK_FALSE(BtrfsSubvolume::at(opened(temp.path)));
  CHECK_FALSE(BtrfsSubvolume::at(opened("/proc")));
}

TEST_CASE("disk limit: where it can't hold, the container is made nevertheless") {
  const testing::TempDir temp;
  ContainerSpec spec;
  spec.rootfs = (temp.path / "volume/rootfs").string();
  spec.limits.disk_bytes = 1;
  CHECK_NOTHROW(hold_disk_limit(spec, opened(temp.path), Deadline::in(std::chrono::seconds(10))));
  lift_disk_limit({temp.path, temp.path}, spec);  // not even there
  os::make_directories(spec.rootfs);
  lift_disk_limit({temp.path, temp.path}, spec);
}
