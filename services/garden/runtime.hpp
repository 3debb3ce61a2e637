// The native runtime's tools: the OCI runtime found on the machine and how to call it, the init, the cgroup parent.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/os/cgroup.hpp"
#include "common/protocol/shim.hpp"
#include "services/garden/options.hpp"
#include "services/garden/sealed_program.hpp"
#include "services/garden/spec/oci_spec.hpp"

namespace concourse::garden {

struct Runtime {
  std::string program;                          // path of crun or runc
  std::shared_ptr<const SealedProgram> sealed;  // of crun
  std::vector<std::string> flags;               // global ones
  std::filesystem::path state_dir;              // the one among them: --root
  std::string shim;                             // path of concourse-shim
  std::string nstar;                            // path of concourse-nstar
  Machine machine;
  std::optional<std::filesystem::path> own_cgroup_procs;  // cgroup_move.hpp

  // Finds the OCI runtime (the given one, else crun, else runc: the first that makes a container work here) and copies the init
  // beside the containers that will use it. Throws Error naming what is missing and the remedy.
  static Runtime discover(const Options& options);

  // What the shim of a container is told.
  protocol::shim::Config shim_config(const ContainerSpec& spec, std::uint32_t namespace_owner, Duration create_limit) const;

  // What the shim of a container is to execute instead of `program`; -1 for that itself.
  int sealed_fd() const { return sealed ? sealed->fd() : -1; }

  os::Cgroup cgroup(const std::string& handle) const;
  // Removes what the OCI runtime keeps of a container whose shim has gone, and its cgroup: runtimes forget that of a container
  // in whose making they were killed.
  void remove(const std::string& handle, Deadline deadline) const;
  // Removes the empty cgroup parents; for when no container is left.
  void remove_cgroup_parents() const;
};

}  // namespace concourse::garden
