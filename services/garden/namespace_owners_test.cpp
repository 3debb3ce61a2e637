#include "services/garden/namespace_owners.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/garden/spec/id_map.hpp"

using namespace concourse;
using namespace concourse::garden;

TEST_CASE("namespace owners: each living container has an id of its own, and none has the probe's") {
  NamespaceOwners owners(OwnerRange{100, 103});
  CHECK(owners.for_probe() == 100);
  CHECK(owners.take() == 101);
  CHECK(owners.take() == 102);
  owners.give_back(101);
  CHECK(owners.take() == 103);
  CHECK(owners.take() == 101);
  CHECK_THROWS_WITH_AS(owners.take(), doctest::Contains("--user-namespace-owners"), Error);
}

TEST_CASE("namespace owners: what a living container has is not given again, whatever the range was then") {
  NamespaceOwners owners(OwnerRange{100, 102});
  owners.restore(101);
  owners.restore(7);
  CHECK(owners.take() == 102);
  CHECK_THROWS_AS(owners.take(), Error);
}

TEST_CASE("namespace owners: without a range they are the host's root's, as many as are wanted") {
  NamespaceOwners owners(std::nullopt);
  CHECK(owners.for_probe() == 0);
  CHECK(owners.take() == 0);
  owners.restore(0);
  CHECK(owners.take() == 0);
}

TEST_CASE("namespace owners: a range is two numbers of ids that are free") {
  const auto range = OwnerRange::parse("2100000000-2100065535");
  REQUIRE(range);
  CHECK(range->first == 2100000000);
  CHECK(range->last == 2100065535);
  CHECK(!OwnerRange::parse("none"));
  for (const char* wrong :
       {"", "7", "-", "1-", "a-b", "5-5", "6-5", "0-10", "1-2-3", "4294967290-4294967294", "1-99999999999", "-1-5"})
    CHECK_THROWS_AS(OwnerRange::parse(wrong), Error);
}

TEST_CASE("id map: as the kernel wants it, and which ids one has") {
  CHECK(id_map_text(4294967294) == "0 4294967294 1\n1 1 4294967293\n");
  const testing::TempDir dir;
  os::replace_file(dir.path / "uid_map", "         0       1000          1\n         1     100000      65536\n");
  CHECK(has_ids(dir.path / "uid_map", 1, 65536));
  CHECK(!has_ids(dir.path / "uid_map", 1, 65537));
  CHECK(!has_ids(dir.path / "uid_map", 2100000000, 2100065535));
}
