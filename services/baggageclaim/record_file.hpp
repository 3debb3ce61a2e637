#pragma once

#include <string_view>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

// Writes a small file of a volume's record. Of a live volume: temporary file, fsync, rename, so that whatever happens the file
// is the old one or the new. Of one that is being made, plainly: it isn't read by anybody, and removed after a crash.
void write_record(const VolumeDir& volume, const char* file, std::string_view content);

}  // namespace concourse::baggageclaim
