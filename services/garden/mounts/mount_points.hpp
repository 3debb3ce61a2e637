// The places in a container's root file system on which something is mounted. Each is found once, step by step from the root's
// descriptor, and made if it is missing; from then on it is a descriptor. What the image's owner renames meanwhile changes nothing:
// a step that has become a link is an error.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::garden {

// A place, without links. In /dev, /proc and /sys, where the OCI runtime mounts its own, it can't be known before: then there is no
// descriptor, and what it is mounted on is the runtime's to make.
struct MountPoint {
  std::string path;
  UniqueFd fd;  // O_PATH
};

// Host ids of the container's root.
struct Owner {
  std::uint32_t uid = 0, gid = 0;
};

class MountPoints {
 public:
  // `root` outlives it. What is missing is made as `owner`. `name` begins every error.
  MountPoints(const UniqueFd& root, Owner owner, std::string name);

  // The place to which `destination` leads inside: a link leads nowhere but into the root, whether or not its target is there.
  // Throws Error(invalid) if it
  //   - leads round in circles, or to what is the container's own (below)
  //   - is neither a directory nor a file (the runtimes would open a pipe, and wait), or the one where the other is needed
  MountPoint find_or_make(const std::string& destination, bool is_directory);

  // From now on `mounted` is what is seen at that place. It outlives this.
  void cover(const std::string& path, const UniqueFd& mounted) { covered_[path] = mounted.get(); }

 private:
  class Walk;
  const UniqueFd& root_;
  const Owner owner_;
  const std::string name_;
  std::map<std::string, int> covered_;
};

// Whether no volume may be mounted there: the root, /proc and below, /dev, and the init in it. Mounts go on top of each other,
// and a volume in one of these places would decide what pid 1 is, or what the runtime writes to.
bool is_the_containers_own(const std::string& destination);

// Throws Error(invalid) unless /dev, /proc and /sys are directories, or not there: runc makes links in a /dev that leads elsewhere.
void check_runtimes_places(const UniqueFd& root, const std::string& name);

}  // namespace concourse::garden
