// The way back: makes a tree of volumes one that the Go worker keeps right.
#pragma once

#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/filesystem.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"

namespace concourse::baggageclaim {

struct ConversionReport {
  std::size_t walked = 0, copied = 0;  // volumes
};

// The volumes must have been recovered, and nobody may use them: their mounts are taken away, for the Go worker to make.
//
//   owners      are stored as the volume shows them on the host (a walk over the files that root owns)
//   children    of a volume without parent stay copy-on-write; children of children, which the Go worker would change when it
//               starts, and those whose view is made by a map that it doesn't have, become whole volumes of their own (a copy)
//   records     of ours go
//
// Interrupted, it can be run again. Throws Error naming the volume that can't be converted.
ConversionReport convert_to_go(Filesystem& filesystem, const Driver& driver, const IdPolicy& policy);

}  // namespace concourse::baggageclaim
