#pragma once

#include <string>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

// Which drivers made the volumes that are there, by their records and places: a driver that doesn't know another's volumes
// would show them empty.
struct TreeInspection {
  std::size_t overlay = 0, btrfs = 0, plain = 0;  // live volumes
  bool btrfs_image = false;                       // <volumes>.img exists
};

TreeInspection inspect_tree(const Paths& paths);

}  // namespace concourse::baggageclaim
