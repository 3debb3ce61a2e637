// What the OCI runtime needs of the host's files: attached in a mount namespace of its own, and only while it makes the container.
// Nothing of it shows on the host; when the runtime has gone, and the shim has left, the kernel takes it away.
#pragma once

#include <filesystem>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "common/protocol/shim.hpp"

namespace concourse::shim {

// Takes this single-threaded process into a new mount namespace, which follows the host's, and attaches there what Garden has
// prepared (protocol::shim::kMountsFd). Without mounts it does nothing. Throws SysError naming the mount; then the process may be
// in either namespace, and shall end.
class Mounts {
 public:
  Mounts(const std::vector<protocol::shim::Mount>& mounts, const std::filesystem::path& dir);

  // Back to the host's namespace. The process' root and working directory are that namespace's root then. Throws SysError.
  void leave();

 private:
  UniqueFd host_;  // its mount namespace
};

}  // namespace concourse::shim
