// The OCI runtime's command line: run and delete. Both crun and runc; which one, and its global flags, is Garden's choice.
#pragma once

#include <filesystem>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "common/protocol/shim.hpp"

namespace concourse::shim {

class OciRuntime {
 public:
  OciRuntime(const protocol::shim::Config& config, std::filesystem::path dir) : config_(config), dir_(std::move(dir)) {}

  // Creates and starts the container of the bundle in the container directory; `init_socket` becomes descriptor 3 of its pid 1.
  // `sealed`: the program, if it isn't to be taken from its path. Throws Error with the runtime's own words.
  pid_t run(const UniqueFd& init_socket, const UniqueFd& sealed, Deadline deadline) const;

  // Removes what the runtime keeps of it, killing what runs. A container that isn't there is fine.
  void remove(Deadline deadline) const;
  // The same for a container whose pid 1 has ended: only its cgroup and the runtime's record are left, and it takes no program to
  // remove those.
  void forget(Deadline deadline) const;

 private:
  std::vector<std::string> command(std::initializer_list<std::string> words) const;

  const protocol::shim::Config& config_;
  const std::filesystem::path dir_;
};

}  // namespace concourse::shim
