// The OCI bundle's config.json of a container.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "services/garden/container_spec.hpp"
#include "services/garden/mounts/container_mounts.hpp"

namespace concourse::garden {

enum class PrivilegedMode { full, fuse_only, ignore };

// What is the same for all containers of this Garden; found out once.
struct Machine {
  std::uint32_t highest_uid = 0, highest_gid = 0;
  std::vector<std::string> all_capabilities;  // the worker's own
  bool unified_cgroups = false;               // cgroup v2 only
  bool cgroup_namespace = false;              // the kernel has them
  bool swap_accounting = false;
  PrivilegedMode privileged_mode = PrivilegedMode::full;
  bool owned_user_namespaces = false;  // they are made by the shim (namespace_owners.hpp)
  std::filesystem::path init;          // the copy of concourse-init
  std::string cgroup_parent;           // cgroup_parent.hpp
  Json seccomp, fuse_seccomp;
  std::string seccomp_annotation;  // of `seccomp`, if the OCI runtime takes it (seccomp_program.hpp)

  static Machine discover();
};

// Inside every container; on the tmpfs that is its /dev, so that nothing of it stays behind in the image's volume.
inline constexpr const char* kInitPath = "/dev/concourse-init";

// Whether the container shares the host's user namespace.
bool is_fully_privileged(const ContainerSpec& spec, const Machine& machine);

// Host ids of the container's root.
Owner owner_of(const ContainerSpec& spec, const Machine& machine);

// For the container whose directory is `dir`. Its root, with the spec's mounts on it, is where the shim puts it
// (mounts/container_mounts.hpp); `more` is what the runtime has to mount itself. None of the spec's own paths is in it.
Json oci_spec(const ContainerSpec& spec, const Machine& machine, const std::filesystem::path& dir,
              const std::vector<RuntimeMount>& more = {});

// At most 63 bytes, as the kernel allows: the handle, or its end.
std::string hostname_of(const std::string& handle);

}  // namespace concourse::garden
