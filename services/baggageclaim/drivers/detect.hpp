// Which driver a server uses, and why.
#pragma once

#include <memory>
#include <string>

#include "services/baggageclaim/drivers/driver.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"

namespace concourse::baggageclaim {

struct DriverOptions {
  std::string name = "detect";  // detect, naive, btrfs, overlay
  std::string btrfs_bin = "btrfs";
  std::string mkfs_bin = "mkfs.btrfs";
};

struct DriverChoice {
  std::unique_ptr<Driver> driver;
  std::string reason;     // one sentence for the log
  std::string id_reason;  // how owners are mapped, and why
};

// Prepares the directories and tries what the driver needs by doing it once. `detect`: overlay where it works, else btrfs where
// kernel and tools are there, else naive. Throws Error(unavailable) naming what is missing when a named driver can't work.
DriverChoice choose_driver(const DriverOptions& options, const Paths& paths, const IdPolicy& policy);

}  // namespace concourse::baggageclaim
