#pragma once

#include "services/baggageclaim/stream/encoding.hpp"
#include "services/baggageclaim/stream/tar_create.hpp"

namespace concourse::baggageclaim {

// Archives `source` on a thread of its own while this one encodes into `sink`, which is finished at the end: when nothing of the
// source is open any more, so that whoever has read the stream can destroy the volume. Throws what either side throws; then `sink`
// isn't finished.
void stream_out(TarSource source, const IdView& view, Encoding encoding, ByteSink& sink, Holes holes = Holes::zeros);

}  // namespace concourse::baggageclaim
