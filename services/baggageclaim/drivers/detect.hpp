// Which driver a server uses, and why.
#pragma once

#include <memory>
#include <string>

#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/machine.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"

namespace concourse::baggageclaim {

struct DriverOptions {
  std::string name = "detect";  // detect, naive, btrfs, overlay
  std::string btrfs_bin = "btrfs";
  std::string mkfs_bin = "mkfs.btrfs";
  bool durable_overlays = false;  // no volatile ones
  bool id_mapped_mounts = true;   // false: owners are walked, whatever the kernel can do
};

struct DriverChoice {
  std::unique_ptr<Driver> driver;
  std::string reason;  // one sentence for the log
  std::string ids;     // how owners are mapped, and why
};

// Prepares the directories and tries what the driver needs by doing it once. `detect`: overlay where it works, else btrfs where
// kernel and tools are there, else naive. Throws Error(unavailable) naming what is missing when a named driver can't work, and
// when the tree holds volumes that another driver keeps.
DriverChoice choose_driver(const DriverOptions& options, const Paths& paths, const IdPolicy& policy, const Machine& machine);

}  // namespace concourse::baggageclaim
