#include "common/host/kernel.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::host {

namespace {

namespace fs = std::filesystem;

constexpr const char* kControllers[] = {"memory", "pids", "cpu", "io"};

bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// By making one: limits, boot parameters and security modules all have a say.
bool can_make_user_namespace() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = 1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

Finding user_namespaces() {
  if (can_make_user_namespace()) return ok("user namespaces", "can be made");
  const auto most = os::read_file("/proc/sys/user/max_user_namespaces", 64);
  return failure("user namespaces", "can't be made; user.max_user_namespaces is " + std::string(trim(most.value_or("unknown"))),
                 "sysctl -w user.max_user_namespaces=15000, and look for a security module that forbids them");
}

bool Cgroups::unified() const { return there(root / "cgroup.controllers"); }

bool Cgroups::has(const std::string& controller) const {
  if (!unified()) return there(root / (controller == "io" ? "blkio" : controller) / "cgroup.procs");
  const auto listed = split(std::string(trim(os::read_file(root / "cgroup.controllers", 4096).value_or(""))), ' ');
  return std::find(listed.begin(), listed.end(), controller) != listed.end();
}

// In v2 the file is in every cgroup but the root.
bool Cgroups::counts_swap() const {
  if (!unified()) return there(root / "memory/memory.memsw.limit_in_bytes");
  for (const auto& name : os::list_directory(root))
    if (there(root / name / "memory.max")) return there(root / name / "memory.swap.max");
  return there(root / "memory.swap.max");
}

Finding cgroup_controllers(const Cgroups& cgroups) {
  std::vector<std::string> have, missing;
  for (const std::string name : kControllers) (cgroups.has(name) ? have : missing).push_back(name);
  if (missing.empty()) return ok("cgroups", cgroups.version() + ", with " + join(have, ", "));
  return warning("cgroups",
                 cgroups.version() + ", without " + join(missing, ", ") + ": no container with a limit of that kind can be made",
                 kCgroupRemedy);
}

Finding swap_accounting(const Cgroups& cgroups) {
  if (cgroups.counts_swap()) return ok("memory and swap", "are both counted, so limits of tasks hold");
  if (!cgroups.has("memory")) return warning("memory and swap", "are not counted", kCgroupRemedy);
  return warning("memory and swap", "swap isn't counted: a task can exceed its memory limit by what there is of swap",
                 "start the kernel with swapaccount=1, or have no swap");
}

}  // namespace concourse::host
