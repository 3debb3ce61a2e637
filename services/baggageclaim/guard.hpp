// Who may enter the volumes on the host. A file of a container's root that is set-user-id is stored as one of the host's root, or
// of an id that every container's root is: whoever reached it could be that user by running it. That nobody does is up to these
// directories, for every driver; their mounts can't be nosuid, because containers run from them (docs/isolation.md).
#pragma once

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

// Nobody but root gets below <overlays>, if that is there; below <volumes> only root and the root of unprivileged containers, whose
// way to its root file system that is; the image of driver btrfs is root's alone. Repairs and logs what isn't so: the Go worker,
// and earlier versions, left them open. Throws SysError.
void guard_tree(const Paths& paths);

}  // namespace concourse::baggageclaim
