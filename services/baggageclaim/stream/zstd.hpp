// Zstandard frames. The decoder takes several frames and skippable ones, with windows up to 128 MiB.
#pragma once

#include <memory>

#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim {

std::unique_ptr<ByteSource> make_zstd_decoder(ByteSource& in);
std::unique_ptr<ByteSink> make_zstd_encoder(ByteSink& out);

}  // namespace concourse::baggageclaim
