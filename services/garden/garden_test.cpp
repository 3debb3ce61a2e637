#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/garden/cgroup_move.hpp"
#include "services/garden/cgroup_parent.hpp"
#include "services/garden/container_spec.hpp"
#include "services/garden/errors.hpp"
#include "services/garden/garden_config.hpp"
#include "services/garden/properties.hpp"

using namespace concourse;
using namespace concourse::garden;

namespace {

Json minimal() { return {{"handle", "h"}, {"rootfs", "raw:///r"}}; }

std::string refusal(const Json& patch) {
  Json json = minimal();
  json.merge_patch(patch);
  try {
    parse_container_spec(json);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("container spec: what the web sends for a task") {
  const auto spec = parse_container_spec(parse_json(R"({"handle":"6f0c0f1e-3a1f-4d0b-5d0b-0c8a6b0c8f11",
    "rootfs":"raw:///state/volumes/live/aa%20aa/volume/rootfs","image":{},
    "bind_mounts":[{"src_path":"/v/b","dst_path":"/scratch","mode":1},{"src_path":"/v/c","dst_path":"/etc/ssl/certs"}],
    "properties":{"user":""},"env":["PATH=/usr/bin:/bin","FOO=bar"],
    "limits":{"bandwidth_limits":{},"cpu_limits":{"limit_in_shares":512},"disk_limits":{},"memory_limits":{"limit_in_bytes":1073741824},"pid_limits":{}},
    "netout_rules":[{"networks":[{"start":"0.0.0.0","end":"255.255.255.255"}]}]})"));
  CHECK(spec.rootfs == "/state/volumes/live/aa aa/volume/rootfs");
  REQUIRE(spec.bind_mounts.size() == 2);
  CHECK(spec.bind_mounts[0].writable);
  CHECK_FALSE(spec.bind_mounts[1].writable);
  CHECK(spec.limits.cpu_shares == 512);
  CHECK(spec.limits.memory_bytes == 1073741824);
  CHECK_FALSE(spec.hermetic);
  CHECK_FALSE(spec.privileged);

  const auto again = parse_container_spec(to_json(spec));
  CHECK(to_json(again) == to_json(spec));
}

TEST_CASE("container spec: a disk limit is understood, and kept as it came") {
  const auto limits = [](const char* disk) {
    return parse_container_spec(parse_json(std::string(R"({"rootfs":"raw:///r","limits":{"disk_limits":)") + disk + "}}")).limits;
  };
  const auto total = limits(R"({"byte_hard":5,"byte_soft":3,"inode_hard":7})");
  CHECK(total.disk_bytes == 5);
  CHECK(total.disk_inodes == 7);
  CHECK_FALSE(total.disk_exclusive);
  CHECK(total.disk == parse_json(R"({"byte_hard":5,"byte_soft":3,"inode_hard":7})"));
  CHECK(limits(R"({"byte_hard":5,"scope":1})").disk_exclusive);
  CHECK(limits("{}").disk_bytes == 0);
}

TEST_CASE("container spec: no rules at all means hermetic, no handle gets one, image.uri works in place of rootfs") {
  const auto spec = parse_container_spec({{"image", {{"uri", "raw:///r"}}}});
  CHECK(spec.hermetic);
  CHECK(spec.handle.size() == 36);
}

TEST_CASE("container spec: refusals in the words that clients know") {
  CHECK(refusal({{"rootfs", ""}}) == "rootfs must not be empty");
  CHECK(refusal({{"rootfs", "/r"}}) == "malformatted rootfs: must be of form 'scheme://<abs_dir>'");
  CHECK(refusal({{"rootfs", "docker:///r"}}) == "unsupported scheme 'docker'");
  CHECK(refusal({{"rootfs", "raw://r"}}) == "directory must be an absolute path");
  CHECK(refusal({{"bind_mounts", {{{"src_path", ""}, {"dst_path", "/d"}}}}}) == "src and dst must not be empty");
  CHECK(refusal({{"bind_mounts", {{{"src_path", "s"}, {"dst_path", "/d"}}}}}) == "src and dst must be absolute");
  CHECK(refusal({{"bind_mounts", {{{"src_path", "/s"}, {"dst_path", "/d"}, {"mode", 7}}}}}) == "unknown bind mount mode 7");
  CHECK(refusal({{"bind_mounts", {{{"src_path", "/s"}, {"dst_path", "/d"}, {"origin", 1}}}}}) == "unknown bind mount origin 1");
  CHECK(refusal({{"bind_mounts", {{{"src_path", std::string("/s\0s", 4)}, {"dst_path", "/d"}}}}}) ==
        "src and dst must not have a NUL byte");
  CHECK(refusal({{"rootfs", "raw:///r%00"}}) == "rootfs has a NUL byte");
  CHECK(refusal({{"limits", {{"disk_limits", {{"scope", 2}}}}}}) == "unknown disk limit scope 2");
  for (const char* taken :
       {"/", "//", "//dev", "/dev", "/dev/", "/proc", "/proc/sys", "/tmp/../dev/concourse-init", "/tmp/build/../../proc/self"})
    CHECK_MESSAGE(
        refusal({{"bind_mounts", {{{"src_path", "/s"}, {"dst_path", taken}}}}}).find("is the container's own") != std::string::npos,
        taken);
  CHECK(refusal({{"bind_mounts", {{{"src_path", "/s"}, {"dst_path", "/dev/shm/x"}}}}}).empty());
  CHECK(refusal({{"env", "A=1"}}) == "field 'env' must be an array of strings, not string");
  CHECK(refusal({{"properties", {{std::string(3000, 'n'), "v"}}}}).ends_with("is too long"));
  for (const char* handle : {"../x", "a/b", ".x", " "}) CHECK(refusal({{"handle", handle}}).starts_with("handle '"));
}

TEST_CASE("errors: types, statuses and the raw form for hijacked routes") {
  CHECK(body_of(TypedError::container_not_found("h")) ==
        R"({"Binary":"","Handle":"h","Message":"unknown handle: h","ProcessID":"","Type":"ContainerNotFoundError"})");
  CHECK(status_of(TypedError::process_not_found("p")) == 404);
  CHECK(status_of(TypedError::executable_not_found("x")) == 500);
  const Error plain(ErrorKind::internal, "boom");
  CHECK(status_of(plain) == 500);
  const auto raw = raw_response(plain);
  CHECK(raw.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  CHECK(raw.find("Content-Length: 68\r\n") != std::string::npos);
  CHECK(raw.find("Connection") == std::string::npos);
}

TEST_CASE("properties: safe on disk before they are answered, and found again") {
  const testing::TempDir temp;
  const auto& dir = temp.path;
  {
    Properties p(dir / "properties.json", {{"user", ""}});
    p.set("concourse:resource-result", std::string(200'000, 'r'));
    p.set("a", "1");
    CHECK(p.remove("a"));
    CHECK_FALSE(p.remove("a"));
    CHECK(p.match({{"user", ""}}));
    CHECK_FALSE(p.match({{"user", "x"}}));
    CHECK_FALSE(p.match({{"absent", ""}}));
  }
  const Properties again(dir / "properties.json");
  CHECK(again.all().size() == 2);
  CHECK(again.get("concourse:resource-result")->size() == 200'000);
}

TEST_CASE("garden config: section [server], repeated flags, comments; a bad line is named") {
  const auto flags =
      parse_garden_config("; c\n[server]\ndns-server = 8.8.8.8\ndns-server=\"1.1.1.1\"\nmtu=1400\n[other]\nx=y\n", "f");
  CHECK(flags.at("dns-server") == std::vector<std::string>{"8.8.8.8", "1.1.1.1"});
  CHECK(flags.at("mtu") == std::vector<std::string>{"1400"});
  CHECK_FALSE(flags.contains("x"));
  CHECK_THROWS_WITH_AS(parse_garden_config("[server]\nmtu\n", "f.ini"), "'f.ini' line 2: expected flag = value", Error);
}

TEST_CASE("cgroup parent: in the slice of Garden's unit with cgroup v2, else below the root") {
  const std::string slice = "/concourse.slice/concourse-worker.slice";
  const std::string own = "1:name=systemd:/a/b\n0::" + slice + "/concourse-garden.service\n";
  CHECK(cgroup_parent(0x1a, true, own) == slice + "/concourse-0000001a");
  CHECK(cgroup_parent(0x1a, false, own) == "/concourse-0000001a");
  CHECK(cgroup_parent(0x1a, true, "0::/concourse-garden.service\n") == "/concourse-0000001a");
  for (const char* other : {"0::/system.slice/concourse.service\n", "0::/\n", "1:memory:/a/concourse-garden.service\n", ""})
    CHECK(cgroup_parent(0x1a, true, other) == "/concourse-0000001a");
}

TEST_CASE("cgroup move: the file with this process in it, and none that only looks like its") {
  const auto own = os::read_existing_file("/proc/self/cgroup");
  if (const auto procs = own_cgroup_procs(own)) {
    const auto pids = split(os::read_existing_file(*procs), '\n');
    CHECK(std::find(pids.begin(), pids.end(), std::to_string(::getpid())) != pids.end());
    begin_cgroup_move(*procs).get();
    CHECK(os::read_existing_file("/proc/self/cgroup") == own);
  }
  CHECK_FALSE(own_cgroup_procs("4:memory:/no/such/group\n0::/nor/this\n"));
  CHECK_FALSE(own_cgroup_procs("rubbish\n:\n"));
  begin_cgroup_move("/no/such/file").get();
}
