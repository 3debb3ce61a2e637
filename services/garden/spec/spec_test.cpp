#include <doctest/doctest.h>

#include <set>

#include "services/garden/spec/capabilities.hpp"
#include "services/garden/spec/oci_spec.hpp"
#include "services/garden/spec/seccomp.hpp"

using namespace concourse;
using namespace concourse::garden;

namespace {

Machine machine() {
  Machine m;
  m.highest_uid = m.highest_gid = 4294967294;
  m.all_capabilities = {"CAP_CHOWN", "CAP_SYS_ADMIN"};
  m.cgroup_namespace = m.swap_accounting = true;
  m.init = "/keep/init";
  m.cgroup_parent = "/c";
  m.seccomp = {{"defaultAction", "D"}};
  m.fuse_seccomp = {{"defaultAction", "F"}};
  return m;
}

ContainerSpec spec(bool privileged = false) {
  ContainerSpec s;
  s.handle = "h";
  s.rootfs = "/r";
  s.privileged = privileged;
  return s;
}

std::set<std::string> namespaces(const Json& oci) {
  std::set<std::string> out;
  for (const auto& n : oci["linux"]["namespaces"]) out.insert(n["type"].get<std::string>());
  return out;
}

}  // namespace

TEST_CASE("oci spec: an unprivileged container has its own user namespace, the base capabilities and a filter") {
  const auto oci = oci_spec(spec(), machine(), "/c/h");
  CHECK(namespaces(oci) == std::set<std::string>{"pid", "ipc", "uts", "mount", "network", "user", "cgroup"});
  CHECK(oci["linux"]["uidMappings"] ==
        Json::parse(R"([{"containerID":0,"hostID":4294967294,"size":1},{"containerID":1,"hostID":1,"size":4294967293}])"));
  CHECK(oci["process"]["capabilities"]["bounding"].size() == 14);
  CHECK(oci["process"]["capabilities"]["ambient"].empty());
  CHECK(oci["linux"]["seccomp"]["defaultAction"] == "D");
  CHECK(oci["linux"]["cgroupsPath"] == "/c/h");
  CHECK(oci["linux"]["maskedPaths"].size() > 5);
  CHECK_FALSE(oci["linux"].contains("devices"));
}

TEST_CASE("oci spec: a filter that is ready is for those that have just that profile") {
  auto m = machine();
  CHECK_FALSE(oci_spec(spec(), m, "/c/h").contains("annotations"));
  m.seccomp_annotation = "cHJvZ3JhbQ==";
  const auto oci = oci_spec(spec(), m, "/c/h");
  CHECK(oci["annotations"] == Json{{"run.oci.seccomp_bpf_data", "cHJvZ3JhbQ=="}});
  CHECK(oci["linux"]["seccomp"]["defaultAction"] == "D");  // for who doesn't know the annotation
  CHECK_FALSE(oci_spec(spec(true), m, "/c/h").contains("annotations"));
  auto limited = spec();
  limited.limits.disk_bytes = 1;
  m.seccomp = default_seccomp();
  CHECK_FALSE(oci_spec(limited, m, "/c/h").contains("annotations"));
  m.privileged_mode = PrivilegedMode::fuse_only;
  CHECK_FALSE(oci_spec(spec(), m, "/c/h").contains("annotations"));
}

TEST_CASE("oci spec: a privileged one has what the worker has, and no more") {
  const auto oci = oci_spec(spec(true), machine(), "/c/h");
  CHECK(namespaces(oci) == std::set<std::string>{"pid", "ipc", "uts", "mount", "network"});
  CHECK(oci["process"]["capabilities"]["effective"] == Json{"CAP_CHOWN", "CAP_SYS_ADMIN"});
  CHECK_FALSE(oci["linux"].contains("seccomp"));
  CHECK_FALSE(oci["linux"].contains("maskedPaths"));
  CHECK(oci["linux"]["devices"][0]["path"] == "/dev/fuse");
}

TEST_CASE("oci spec: the privileged modes") {
  auto m = machine();
  m.privileged_mode = PrivilegedMode::ignore;
  const auto ignored = oci_spec(spec(true), m, "/e");
  CHECK(namespaces(ignored).contains("user"));
  CHECK(ignored["process"]["capabilities"]["bounding"].size() == 14);
  CHECK_FALSE(ignored["linux"].contains("devices"));
  m.privileged_mode = PrivilegedMode::fuse_only;
  const auto fuse = oci_spec(spec(true), m, "/e");
  CHECK(fuse["process"]["capabilities"]["bounding"].size() == 15);
  CHECK(fuse["linux"]["seccomp"]["defaultAction"] == "F");
}

TEST_CASE("oci spec: limits only where they were asked for, swap held with memory") {
  CHECK_FALSE(oci_spec(spec(), machine(), "/e")["linux"]["resources"].contains("memory"));
  auto s = spec();
  s.limits.memory_bytes = 64 << 20;
  s.limits.cpu_shares = 100;
  s.limits.cpu_weight = 7;
  s.limits.pids = 10;
  const auto r = oci_spec(s, machine(), "/e")["linux"]["resources"];
  CHECK(r["memory"] == Json{{"limit", 64 << 20}, {"swap", 64 << 20}});
  CHECK(r["cpu"]["shares"] == 7);
  CHECK(r["pids"]["limit"] == 10);
  s.limits.memory_bytes = s.limits.pids = UINT64_MAX;
  const auto huge = oci_spec(s, machine(), "/e")["linux"]["resources"];
  CHECK(huge["memory"] == Json{{"limit", INT64_MAX}, {"swap", INT64_MAX}});
  CHECK(huge["pids"]["limit"] == INT64_MAX);
}

TEST_CASE("oci spec: the runtime is told no path of the client's, but where the shim puts what they show") {
  auto s = spec();
  s.bind_mounts = {{"/v/a", "/scratch", true}, {"/v/b", "/certs", false}};
  const auto oci = oci_spec(s, machine(), "/c/h", {{"/c/h/mounts/0", "/dev/shm/x", false}, {"/c/h/mounts/1", "/sys/x", true}});
  CHECK(oci["root"]["path"] == "/c/h/mounts/rootfs");
  const auto& mounts = oci["mounts"];
  const auto n = mounts.size();
  CHECK(mounts[0]["destination"] == "/proc");
  CHECK(mounts[n - 3]["destination"] == kInitPath);
  CHECK(mounts[n - 2] ==
        Json{{"destination", "/dev/shm/x"}, {"type", "bind"}, {"source", "/c/h/mounts/0"}, {"options", {"bind", "ro"}}});
  CHECK(mounts[n - 1]["options"] == Json{"bind", "rw"});
  CHECK(dump_json(oci).find("/v/") == std::string::npos);
}

TEST_CASE("hostname: the handle, or its end when it is too long for the kernel") {
  CHECK(hostname_of("short") == "short");
  CHECK(hostname_of(std::string(30, 'a') + std::string(46, 'b')).size() == 49);
}

TEST_CASE("capabilities: a bit set in words") {
  CHECK(capabilities_in(0b101) == std::vector<std::string>{"CAP_CHOWN", "CAP_DAC_READ_SEARCH"});
  CHECK_FALSE(capabilities_in(own_bounding_set()).empty());
}
