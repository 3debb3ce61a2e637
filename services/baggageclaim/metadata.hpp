// A volume's changing facts: properties, privileged, parent. The Go worker's files.
#pragma once

#include <optional>
#include <string>

#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

using protocol::baggageclaim::Properties;

// Reading throws no_such_volume if the file is missing (the peer too counts such a volume as gone) and Error(invalid) if it
// can't be decoded.
std::optional<Properties> read_properties(const VolumeDir& volume);
void write_properties(const VolumeDir& volume, const std::optional<Properties>& properties);
bool read_privileged(const VolumeDir& volume);
void write_privileged(const VolumeDir& volume, bool privileged);

// The handle that the parent link names; nothing for a volume without one.
std::optional<std::string> read_parent(const VolumeDir& volume);
void write_parent(const VolumeDir& volume, const fs::path& parent);

}  // namespace concourse::baggageclaim
