// How a volume's data is stored, for the drivers: the record format.json, and what its absence means.
//
//   {"version":1,"root":"0","layers":["parent","grandparent"]}
//
// `root`: the id that container root's files have in this volume's own layer: "0", container ids as they are (canonical), or
// "max", the highest valid id, as the Go worker stores unprivileged volumes. A volume without the record was made by the Go
// worker (or by us without id-mapped mounts): its owners are stored as its `privileged` flag shows them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

struct VolumeFormat {
  bool shifted = false;             // root is stored as "max"
  std::vector<std::string> layers;  // handles whose layers lie below this volume's own, uppermost first

  bool operator==(const VolumeFormat&) const = default;
};

// Nothing if there is no record. Throws Error(invalid) if it can't be understood, a later version included.
std::optional<VolumeFormat> read_format(const VolumeDir& volume);
void write_format(const VolumeDir& volume, const VolumeFormat& format);
void remove_format(const VolumeDir& volume);

}  // namespace concourse::baggageclaim
