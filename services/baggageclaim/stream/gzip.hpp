// RFC 1952 by ISA-L. The decoder takes concatenated members, and refuses anything else behind them.
#pragma once

#include <memory>

#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim {

std::unique_ptr<ByteSource> make_gzip_decoder(ByteSource& in);
std::unique_ptr<ByteSink> make_gzip_encoder(ByteSink& out);

}  // namespace concourse::baggageclaim
