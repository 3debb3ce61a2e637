// Views, the highest id, capabilities, and the walk.
#include <sys/xattr.h>

#include <atomic>

#include "services/baggageclaim/disk/parallel_walk.hpp"
#include "services/baggageclaim/testing.hpp"
#include "services/baggageclaim/uidgid/capability.hpp"
#include "services/baggageclaim/uidgid/kept_attributes.hpp"
#include "services/baggageclaim/uidgid/max_valid_id.hpp"
#include "services/baggageclaim/uidgid/translator.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

namespace {
constexpr std::uint32_t kTop = 4294967294;
const auto kUnprivileged = IdView::unprivileged(kTop), kPrivileged = IdView::privileged(kTop);

// cap_net_raw+ep, revision 2.
const std::string kNetRaw("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);

std::string capability_of(const fs::path& path) {
  char value[64];
  const auto size = ::getxattr(path.c_str(), kCapabilityXattr, value, sizeof value);
  return size < 0 ? "" : std::string(value, static_cast<std::size_t>(size));
}
}  // namespace

TEST_CASE("max valid id: of the last line of the map") {
  CHECK(max_valid_id("         0          0 4294967295\n") == kTop);
  CHECK(max_valid_id("0 1000 1\n1 100000 65536\n") == 65536);
  CHECK_FALSE(max_valid_id(""));
  CHECK_FALSE(max_valid_id("0 0 x\n"));
  CHECK_FALSE(max_valid_id("0 0 0\n"));
  CHECK(own_max_valid_id());
}

TEST_CASE("id view: the container's ids and the host's") {
  CHECK(kUnprivileged.to_host(0) == kTop);
  CHECK(kUnprivileged.to_host(1000) == 1000);
  CHECK_FALSE(kUnprivileged.to_host(kTop));
  CHECK(kUnprivileged.to_container(kTop) == 0);
  CHECK(kUnprivileged.to_container(0) == 65534);
  CHECK(kPrivileged.to_host(0) == 0);
  CHECK(kPrivileged.to_host(kTop) == kTop);
  CHECK_FALSE(kPrivileged.to_host(kTop + 1ull));
  CHECK(IdView::plain().to_container(kTop) == kTop);
}

TEST_CASE("id view: root is settled whichever way it looked before") {
  for (const auto& [view, root] : {std::pair{kUnprivileged, kTop}, {kPrivileged, 0u}}) {
    CHECK(view.settle(0) == root);
    CHECK(view.settle(kTop) == root);
    CHECK(view.settle(1000) == 1000);
    CHECK(view.root() == root);
  }
  CHECK(IdView::plain().settle(kTop) == kTop);
}

TEST_CASE("capability: belongs to the container's root, on the way out and in") {
  const auto stored = capability_to_host(kNetRaw, kUnprivileged);
  REQUIRE(stored);
  CHECK(stored->size() == 24);
  CHECK(capability_to_container(*stored, kUnprivileged) == kNetRaw);
  CHECK_FALSE(capability_to_container(*stored, kPrivileged));
  CHECK(capability_to_host(kNetRaw, kPrivileged) == kNetRaw);
  for (const auto& bad : {std::string(), std::string(20, '\0'), std::string(24, '\xff'), kNetRaw + "x"})
    CHECK_FALSE(capability_to_container(bad, kPrivileged));
}

TEST_CASE("walk: owners change, everything else stays") {
  if (skip_without_root()) return;
  const TempDir outside, dir;
  outside.write("target");
  dir.write("suid", "x", 06755);
  dir.write("d/user");
  dir.write("capable", "x", 0755);
  CHECK(::chown((dir.path / "d/user").c_str(), 1000, 1000) == 0);
  CHECK(::setxattr((dir.path / "capable").c_str(), kCapabilityXattr, kNetRaw.data(), kNetRaw.size(), 0) == 0);
  fs::create_symlink(outside.path / "target", dir.path / "link");
  const auto before = lstat_of(dir.path / "suid");

  CHECK(translate_owners(dir.open().get(), {kUnprivileged}) == 5);
  CHECK(lstat_of(dir.path).st_uid == kTop);
  CHECK(lstat_of(dir.path / "link").st_uid == kTop);
  CHECK(lstat_of(outside.path / "target").st_uid == 0);
  CHECK(lstat_of(dir.path / "d/user").st_uid == 1000);
  CHECK(lstat_of(dir.path / "suid").st_uid == kTop);
  CHECK(lstat_of(dir.path / "suid").st_mode == before.st_mode);
  CHECK(capability_of(dir.path / "capable") == capability_to_host(kNetRaw, kUnprivileged));
  CHECK(translate_owners(dir.open().get(), {kUnprivileged}) == 0);

  CHECK(translate_owners(dir.open().get(), {kPrivileged}) == 5);
  CHECK(lstat_of(dir.path / "suid").st_uid == 0);
  CHECK(capability_of(dir.path / "capable") == kNetRaw);

  std::uint64_t entries = 0;
  CHECK_FALSE(common_owner(dir.open().get(), kPrivileged, entries));
  CHECK(translate_owners(dir.open().get(), {kUnprivileged, Owner{7, 0}}) == 6);
  CHECK(lstat_of(dir.path / "d/user").st_uid == 7);
  CHECK(lstat_of(dir.path / "d/user").st_gid == kTop);
  const auto common = common_owner(dir.open().get(), kUnprivileged, entries);
  REQUIRE(common);
  CHECK(common->uid == 7);
  CHECK(common->gid == 0);
  CHECK(entries == 6);
  CHECK_THROWS_AS(translate_owners(dir.open().get(), {kUnprivileged, Owner{kTop, 0}}), Error);
}

TEST_CASE("walk: killed between owner and mode, it is completed by the next") {
  if (skip_without_root()) return;
  const TempDir dir;
  const auto suid = dir.path / "suid", capable = dir.path / "capable", forged = dir.path / "forged";
  dir.write("suid", "x", 06755);
  dir.write("capable", "x", 0755);
  dir.write("forged", "x", 0755);
  // As far as the first got: kept, owner changed, and no more.
  keep_attributes(suid, {06755, ""});
  keep_attributes(capable, {0755, kNetRaw});
  CHECK(::setxattr(forged.c_str(), "trusted.concourse.kept", "99:x", 4, 0) == 0);
  for (const auto& path : {suid, capable, forged}) CHECK(::chown(path.c_str(), kTop, kTop) == 0);
  REQUIRE((lstat_of(suid).st_mode & 06000) == 0);

  OwnerRule rule{kUnprivileged};
  CHECK(translate_owners(dir.open().get(), rule) == 1);  // its root: a walk that isn't repeated doesn't look
  rule.repeated = true;
  CHECK(translate_owners(dir.open().get(), rule) == 2);
  CHECK((lstat_of(suid).st_mode & 07777) == 06755);
  CHECK(capability_of(capable) == capability_to_host(kNetRaw, kUnprivileged));
  CHECK((lstat_of(forged).st_mode & 07777) == 0755);
  CHECK_FALSE(kept_attributes(suid));
  CHECK_FALSE(kept_attributes(capable));
  CHECK(translate_owners(dir.open().get(), rule) == 0);
}

TEST_CASE("walk: nothing that it keeps stays on the files") {
  if (skip_without_root()) return;
  const TempDir dir;
  dir.write("suid", "x", 04755);
  CHECK(translate_owners(dir.open().get(), {kUnprivileged}) == 2);
  char names[256];
  CHECK(::listxattr((dir.path / "suid").c_str(), names, sizeof names) == 0);
}

TEST_CASE("walk: a change of ids is applied to the container's ids") {
  if (skip_without_root()) return;
  const TempDir dir;
  dir.write("root");
  dir.write("user");
  dir.write("other");
  CHECK(::chown((dir.path / "user").c_str(), 1000, 0) == 0);
  CHECK(::chown((dir.path / "other").c_str(), 5, 0) == 0);
  translate_owners(dir.open().get(), {kUnprivileged, std::nullopt, {IdPermutation::swap(0, 1000), {}}});
  CHECK(lstat_of(dir.path / "root").st_uid == 1000);
  CHECK(lstat_of(dir.path / "user").st_uid == kTop);
  CHECK(lstat_of(dir.path / "other").st_uid == 5);
  CHECK(lstat_of(dir.path / "root").st_gid == kTop);
}

TEST_CASE("walk: every entry once, errors come out, and it stops when told") {
  const TempDir dir;
  for (int d = 0; d < 20; ++d)
    for (int f = 0; f < 20; ++f) dir.write("d" + std::to_string(d) + "/e/f" + std::to_string(f));
  std::atomic<int> seen = 0;
  walk_parallel(dir.open().get(), 4, [&](const WalkEntry&) { return ++seen, true; });
  CHECK(seen == 1 + 20 * (2 + 20));
  CHECK_THROWS_WITH_AS(
      walk_parallel(dir.open().get(), 4, [](const WalkEntry& e) -> bool { throw Error(ErrorKind::internal, e.name); }), ".", Error);
  seen = 0;
  walk_parallel(dir.open().get(), 4, [&](const WalkEntry&) { return ++seen < 10; });
  CHECK(seen < 20);
}
