// The start: every volume that was live is live again, whole, with its mounts, or it is set aside with a reason. One bad record
// never stops the start.
#pragma once

#include <string>
#include <vector>

#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/filesystem.hpp"
#include "services/baggageclaim/machine.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"
#include "services/baggageclaim/unsynced.hpp"

namespace concourse::baggageclaim {

struct RecoveryReport {
  std::size_t live = 0;        // volumes that are there
  std::size_t unfinished = 0;  // half-made ones that were removed
  std::size_t streams_undone = 0;
  std::vector<std::string> lost;         // handles: given up, because a power loss may have torn them
  std::vector<std::string> quarantined;  // handles
};

// Before anything else touches the tree. Logs each repair.
RecoveryReport recover(Filesystem& filesystem, Driver& driver, const IdPolicy& policy, const Machine& machine, Syncer& syncer);

}  // namespace concourse::baggageclaim
