// What is known about overlay volumes from their records, wherever they are and whoever made them.
#pragma once

#include <optional>
#include <string>

#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

bool is_there(const fs::path& path);

// The volume whose layer may still be needed: live, being made, dead or in quarantine.
std::optional<VolumeDir> find_layer_owner(const Paths& paths, const std::string& handle);

// The volume's record, or what its absence means: made by the Go worker. Such a child lies on its root volume alone, because
// whatever was between has been copied into its own layer. Throws Error(invalid) if its parent is lost.
VolumeFormat overlay_format(const Paths& paths, const IdPolicy& policy, const VolumeDir& volume);

// How root is stored in the layer of that handle.
bool stored_shifted(const Paths& paths, const IdPolicy& policy, const std::string& handle);

}  // namespace concourse::baggageclaim
