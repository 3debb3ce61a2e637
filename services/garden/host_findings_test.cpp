#include "services/garden/host_findings.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::garden;

TEST_CASE("limits: one that no controller holds is refused by name, with cgroup v1 and v2") {
  const testing::TempDir dir;
  const host::Cgroups v1{dir.path / "v1"}, v2{dir.path / "v2"};
  for (const char* name : {"cpu", "blkio"}) {
    os::make_directories(v1.root / name);
    os::replace_file(v1.root / name / "cgroup.procs", "");
  }
  os::make_directories(v2.root);
  os::replace_file(v2.root / "cgroup.controllers", "cpuset io pids\n");
  Limits none, memory, pids, shares;
  memory.memory_bytes = 1 << 20;
  pids.pids = 7;
  shares.cpu_shares = 2;
  const auto refused = [](const Limits& limits, const host::Cgroups& cgroups) {
    try {
      check_limits(limits, cgroups);
      return std::string();
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::unavailable);
      return std::string(e.what());
    }
  };
  for (const auto& cgroups : {v1, v2}) {
    CHECK(refused(none, cgroups).empty());
    CHECK(refused(memory, cgroups)
              .find("the limit of 1048576 bytes of memory can't be held: " + cgroups.version() +
                    " has no controller 'memory' on this machine; start the kernel with") != std::string::npos);
  }
  CHECK(refused(pids, v1).find("the limit of 7 processes can't be held: cgroup v1 has no controller 'pids'") != std::string::npos);
  CHECK(refused(pids, v2).empty());
  CHECK(refused(shares, v1).empty());
  CHECK(refused(shares, v2).find("the limit of 2 CPU shares can't be held: cgroup v2 has no controller 'cpu'") !=
        std::string::npos);
}
