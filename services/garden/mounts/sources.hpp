// What a client names as a container's root file system, or as the source of a bind mount: opened once, and from then on known by
// its descriptor. Steps write into volumes, and a link there must lead nobody into another's volume, or to the host.
#pragma once

#include <string>

#include "common/base/unique_fd.hpp"
#include "services/garden/container_spec.hpp"
#include "services/garden/paths.hpp"

namespace concourse::garden {

// Opens an absolute path (O_PATH; `flags` are added). Links are followed in the operator's own names alone: those of the work
// directory and of <work-dir>/volumes/live, if the path begins with one of them as it is spelled there. In the rest, and in every
// part of another path, a link is refused: Error(invalid). Other failures are SysError. Both begin with `what` and the path.
// As long as the descriptor is open, the file system that it shows can't be unmounted.
UniqueFd open_without_links(const Paths& paths, const std::string& path, const std::string& what, int flags = 0);

// A copy of the mount that shows what `place` is, attached nowhere: it goes with its descriptor. With `recursive` what is mounted
// below is in it too. Throws SysError.
UniqueFd copy_mount(const UniqueFd& place, bool recursive, const std::string& what);

struct RootSource {
  UniqueFd tree;    // a copy of its mount
  UniqueFd volume;  // the directory that a disk limit is for (disk/disk_limit.hpp); empty for a spec without one
};
RootSource open_rootfs(const Paths& paths, const ContainerSpec& spec);

// That directory alone, for a container that is being destroyed.
UniqueFd open_volume(const Paths& paths, const ContainerSpec& spec);

}  // namespace concourse::garden
