// The user namespace of an unprivileged container, made before the OCI runtime joins it: the kernel charges what is used in there
// to the namespace's owner, and the runtimes can only make one of the host's root (services/garden/namespace_owners.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::shim {

// A new user namespace of the host's user `owner`, with these lines of uid_map and gid_map. Forks, and leaves no child. Throws
// SysError, or Error(timeout).
UniqueFd make_user_namespace(std::uint32_t owner, const std::string& uid_map, const std::string& gid_map, Deadline deadline);

// As long as it lives, `path` leads other processes of the host's root to our descriptor `target`.
class DescriptorLink {
 public:
  DescriptorLink(std::filesystem::path path, const UniqueFd& target);  // replaces what a killed shim has left; throws SysError
  DescriptorLink(const DescriptorLink&) = delete;
  DescriptorLink& operator=(const DescriptorLink&) = delete;
  ~DescriptorLink();

 private:
  const std::filesystem::path path_;
};

}  // namespace concourse::shim
