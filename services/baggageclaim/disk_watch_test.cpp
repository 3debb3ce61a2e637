#include "services/baggageclaim/disk_watch.hpp"

#include "services/baggageclaim/testing.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

namespace {
constexpr std::uint64_t kGiB = 1ULL << 30;
const DiskMarks kMarks{config::parse_disk_mark("10%"), config::parse_disk_mark("1%,1G")};
}  // namespace

TEST_CASE("disk watch: bytes and inodes each have their marks") {
  const auto state = [](std::uint64_t free_bytes, std::uint64_t free_inodes) {
    return judge({"/v", free_bytes, 100 * kGiB, free_inodes, 1000}, kMarks).state;
  };
  CHECK(state(10 * kGiB, 100) == DiskState::ok);
  CHECK(state(10 * kGiB - 1, 100) == DiskState::low);
  CHECK(state(kGiB, 100) == DiskState::low);
  CHECK(state(kGiB - 1, 100) == DiskState::full);
  CHECK(state(10 * kGiB, 99) == DiskState::low);
  CHECK(state(10 * kGiB, 9) == DiskState::full);
}

TEST_CASE("disk watch: where inodes aren't counted they don't lack, and without marks nothing does") {
  CHECK(judge({"/v", 100 * kGiB, 100 * kGiB, 0, 0}, kMarks).state == DiskState::ok);
  CHECK(judge({"/v", 0, 100 * kGiB, 0, 1000}, {}).state == DiskState::ok);
}

TEST_CASE("disk watch: the reason has the figures") {
  CHECK(judge({"/v", kGiB / 2, 100 * kGiB, 9, 1000}, kMarks).why ==
        "512.0 MiB of 100.0 GiB are free on '/v', and the hard mark is 1.0 GiB");
  CHECK(judge({"/v", 50 * kGiB, 100 * kGiB, 50, 1000}, kMarks).why ==
        "50 of 1000 inodes are free on '/v', and the soft mark is 100");
}

TEST_CASE("reserve: given up piece by piece to who finds no room, and made again") {
  const TempDir dir;
  Reserve reserve(dir.path / "reserve");
  reserve.refill(1 << 20, 1000);  // too little is free
  CHECK_FALSE(fs::exists(dir.path / "reserve"));
  CHECK_THROWS_AS(reserve.spend([] { throw SysError("write", ENOSPC); }), SysError);

  reserve.refill(kGiB, 1000);
  const auto pieces = [&] { return os::list_directory(dir.path / "reserve").size(); };
  CHECK(pieces() == Reserve::kPieces);
  CHECK(lstat_of(dir.path / "reserve" / "0").st_blocks * 512 == Reserve::kPieceBytes);
  int attempts = 0;
  reserve.spend([&] {
    if (++attempts < 3) throw SysError("write", ENOSPC);
  });
  CHECK(attempts == 3);
  CHECK(pieces() == Reserve::kPieces - 2);
  CHECK_THROWS_AS(reserve.spend([] { throw SysError("write", EIO); }), SysError);
  CHECK(pieces() == Reserve::kPieces - 2);
  reserve.refill(kGiB, 1000);
  CHECK(pieces() == Reserve::kPieces);
}
