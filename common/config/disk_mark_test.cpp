#include "common/config/disk_mark.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::config;

TEST_CASE("disk mark: a share counts for bytes and inodes, a size for bytes") {
  const auto share = parse_disk_mark("5%");
  CHECK(share.of_bytes(1000) == 50);
  CHECK(share.of_inodes(200) == 10);
  CHECK(parse_disk_mark("0.5%").of_bytes(1000) == 5);
  const auto size = parse_disk_mark("2G");
  CHECK(size.of_bytes(1000) == 2ULL << 30);
  CHECK(size.of_inodes(200) == 0);
  CHECK(parse_disk_mark("1.5K").of_bytes(0) == 1536);
}

TEST_CASE("disk mark: of a share and a size the smaller counts") {
  const auto mark = parse_disk_mark("10%,1M");
  CHECK(mark.of_bytes(1 << 20) == (1 << 20) / 10);
  CHECK(mark.of_bytes(1ULL << 40) == 1 << 20);
  CHECK(mark.of_inodes(1000) == 100);
}

TEST_CASE("disk mark: 0 is none") {
  CHECK(parse_disk_mark("0").of_bytes(1ULL << 40) == 0);
  CHECK(parse_disk_mark("0").of_inodes(1000) == 0);
}

TEST_CASE("disk mark: anything else is refused in one line") {
  for (const char* bad : {"",      "10",  "5 %", "%",  "G",    "-5%",  "-2G",  "100%",         "5%,",     "5%2G",    "5%,10%",
                          "2G,5%", "2GB", "2X",  "0%", "nan%", "inf%", "1e3G", "99999999999T", "0.0001K", "5%,2G,1G"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH_AS(
        parse_disk_mark(bad),
        ("'" + std::string(bad) + "' is neither a share such as 5%, nor a size such as 2G, nor both as 5%,2G, nor 0").c_str(),
        Error);
  }
}
