// A stream into a volume: all of it or nothing.
#pragma once

#include <string>

#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/stream/encoding.hpp"
#include "services/baggageclaim/stream/tar_extract.hpp"

namespace concourse::baggageclaim {

// Decodes `wire` and extracts the archive into the directory `target`, on a thread of its own while this one reads and
// decodes. Reads `wire` to its end. After an exception part of the archive may lie in `target`.
void extract_archive(int target, ByteSource& wire, Encoding encoding, const ExtractOptions& options);

// Extracts into `path` of the volume whose data is shown by the directory `root`. After an exception the volume is as it was;
// so it is if the server dies meanwhile, once recover_stream_in() has run. At most one stream a volume at a time.
// Afterwards the volume is marked as not flushed since the machine's start `boot_id`.
void stream_in(const VolumeDir& volume, int root, const std::string& path, ByteSource& wire, Encoding encoding,
               const ExtractOptions& options, const std::string& boot_id);

// Undoes or completes a stream that a dead server has left in the volume. True if there was one.
bool recover_stream_in(const VolumeDir& volume, int root);

}  // namespace concourse::baggageclaim
