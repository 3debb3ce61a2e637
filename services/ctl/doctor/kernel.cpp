#include <sched.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "services/ctl/doctor/checks.hpp"

namespace concourse::ctl::doctor {

namespace {

namespace fs = std::filesystem;

const fs::path kCgroups = "/sys/fs/cgroup";
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

Finding user_namespaces() {
  if (can_make_user_namespace()) return ok("user namespaces", "can be made");
  const auto most = os::read_file("/proc/sys/user/max_user_namespaces");
  return failure("user namespaces", "can't be made; user.max_user_namespaces is " + std::string(trim(most.value_or("unknown"))),
                 "sysctl -w user.max_user_namespaces=15000, and look for a security module that forbids them");
}

Finding cgroups(bool unified) {
  std::vector<std::string> have, missing;
  const auto listed = split(std::string(trim(os::read_file(kCgroups / "cgroup.controllers").value_or(""))), ' ');
  for (const std::string name : kControllers) {
    const bool found =
        unified ? std::find(listed.begin(), listed.end(), name) != listed.end() : there(kCgroups / (name == "io" ? "blkio" : name));
    (found ? have : missing).push_back(name);
  }
  const std::string version = unified ? "v2" : "v1";
  if (missing.empty()) return ok("cgroups", version + ", with " + join(have, ", "));
  return failure(
      "cgroups", version + ", without " + join(missing, ", "),
      "start the kernel with cgroup_enable=memory and without cgroup_disable=; in a container, give it the host's cgroups");
}

// In v2 the file is in every cgroup but the root.
bool swap_is_counted(bool unified) {
  if (!unified) return there(kCgroups / "memory/memory.memsw.limit_in_bytes");
  for (const auto& name : os::list_directory(kCgroups))
    if (there(kCgroups / name / "memory.max")) return there(kCgroups / name / "memory.swap.max");
  return there(kCgroups / "memory.swap.max");
}

Finding swap_accounting(bool unified) {
  if (swap_is_counted(unified)) return ok("memory and swap", "are both counted, so limits of tasks hold");
  return warning("memory and swap", "swap isn't counted: a task can exceed its memory limit by what there is of swap",
                 "start the kernel with swapaccount=1, or have no swap");
}

}  // namespace

Finding judge_kernel(const std::string& release) {
  int major = 0, minor = 0;
  if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) != 2)
    return warning("kernel", "has the unreadable version '" + release + "'", "5.15 or newer is what the worker is made for");
  const int version = major * 1000 + minor;
  if (version < 5008) return failure("kernel", release + " lacks calls that the worker needs", "use 5.15 or newer");
  if (version < 5015) return warning("kernel", release + " is older than what is tested", "use 5.15 or newer");
  if (version < 5019)
    return warning("kernel", release + " can't map the ids of overlays: each owner is changed on the disk instead",
                   "5.19 or newer does that at once");
  return ok("kernel", release);
}

Findings check_kernel() {
  utsname name{};
  ::uname(&name);
  const bool unified = there(kCgroups / "cgroup.controllers");
  return {judge_kernel(name.release), user_namespaces(), cgroups(unified), swap_accounting(unified)};
}

}  // namespace concourse::ctl::doctor
