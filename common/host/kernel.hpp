// What containers need of the kernel and can be missing: user namespaces, and the cgroup controllers behind their limits.
#pragma once

#include <filesystem>
#include <string>

#include "common/host/finding.hpp"

namespace concourse::host {

// Unprivileged containers are in one. Tries it, with a child process.
Finding user_namespaces();

// `root`: where cgroups are mounted, "/sys/fs/cgroup" but for tests.
struct Cgroups {
  std::filesystem::path root = "/sys/fs/cgroup";

  bool unified() const;  // cgroup v2 alone
  std::string version() const { return unified() ? "cgroup v2" : "cgroup v1"; }
  bool has(const std::string& controller) const;  // by its name in v2: memory, pids, cpu, io
  bool counts_swap() const;
};

inline constexpr const char* kCgroupRemedy =
    "start the kernel with cgroup_enable=memory and without cgroup_disable=; in a container, give it the host's cgroups";

// A missing one is a warning: containers without that limit are made all the same.
Finding cgroup_controllers(const Cgroups& cgroups = {});
Finding swap_accounting(const Cgroups& cgroups = {});

}  // namespace concourse::host
