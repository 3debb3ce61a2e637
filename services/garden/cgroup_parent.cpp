#include "services/garden/cgroup_parent.hpp"

#include <cstdio>

#include "common/base/strings.hpp"

namespace concourse::garden {

namespace {

constexpr std::string_view kHierarchy = "0::";  // the one of cgroup v2, in /proc/self/cgroup
constexpr std::string_view kUnit = "/concourse-garden.service";

// "" if Garden isn't started by its unit.
std::string slice_of_unit(std::string_view own_cgroups) {
  for (const auto& line : split(std::string(own_cgroups), '\n'))
    if (line.starts_with(kHierarchy) && line.ends_with(kUnit))
      return line.substr(kHierarchy.size(), line.size() - kHierarchy.size() - kUnit.size());
  return "";
}

}  // namespace

std::string cgroup_parent(std::uint32_t worker_id, bool unified, std::string_view own_cgroups) {
  char name[32];
  std::snprintf(name, sizeof name, "/concourse-%08x", worker_id);
  return (unified ? slice_of_unit(own_cgroups) : "") + name;
}

}  // namespace concourse::garden
