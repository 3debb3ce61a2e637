#include "common/host/kernel.hpp"

#include <doctest/doctest.h>

#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

using namespace concourse;

namespace {

struct Mounts {
  host::Cgroups cgroups{std::filesystem::temp_directory_path() / ("cgroups-" + random_hex(4))};
  ~Mounts() { os::remove_tree(cgroups.root); }
  void file(const std::string& name, const std::string& content = "") const {
    os::make_directories((cgroups.root / name).parent_path());
    os::replace_file(cgroups.root / name, content);
  }
};

}  // namespace

TEST_CASE("host: controllers and swap of cgroup v1") {
  const Mounts m;
  for (const char* name : {"memory", "pids", "cpu", "blkio"}) m.file(std::string(name) + "/cgroup.procs");
  CHECK(host::cgroup_controllers(m.cgroups).what == "cgroup v1, with memory, pids, cpu, io");
  CHECK(host::swap_accounting(m.cgroups).remedy == "start the kernel with swapaccount=1, or have no swap");
  m.file("memory/memory.memsw.limit_in_bytes");
  CHECK(host::swap_accounting(m.cgroups).verdict == host::Verdict::ok);
  os::remove_tree(m.cgroups.root / "memory");
  os::make_directories(m.cgroups.root / "memory");  // a place to mount it, and nothing there
  CHECK(host::cgroup_controllers(m.cgroups).text().find("cgroup v1, without memory: ") != std::string::npos);
  CHECK(host::swap_accounting(m.cgroups).what == "are not counted");
}

TEST_CASE("host: controllers and swap of cgroup v2") {
  const Mounts m;
  m.file("cgroup.controllers", "cpuset cpu io memory pids\n");
  m.file("system.slice/memory.max");
  CHECK(host::cgroup_controllers(m.cgroups).what == "cgroup v2, with memory, pids, cpu, io");
  CHECK(host::swap_accounting(m.cgroups).verdict == host::Verdict::warning);
  m.file("system.slice/memory.swap.max");
  CHECK(host::swap_accounting(m.cgroups).verdict == host::Verdict::ok);
  m.file("cgroup.controllers", "cpu io\n");
  CHECK(host::cgroup_controllers(m.cgroups).what.find("cgroup v2, without memory, pids: ") == 0);
}
