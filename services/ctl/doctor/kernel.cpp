#include "common/host/kernel.hpp"

#include <sys/utsname.h>

#include <cstdio>

#include "services/ctl/doctor/checks.hpp"

namespace concourse::ctl::doctor {

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
  return {judge_kernel(name.release), host::user_namespaces(), host::cgroup_controllers(), host::swap_accounting()};
}

}  // namespace concourse::ctl::doctor
