// The S2 format of Go's klauspost/compress: Snappy's framing and block format with longer blocks and repeated offsets. The
// decoder reads both; the encoder writes plain Snappy framing, which every S2 reader reads.
//
// Formats: github.com/google/snappy framing_format.txt and format_description.txt; klauspost/compress s2/README.md.
#pragma once

#include <memory>

#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim {

std::unique_ptr<ByteSource> make_s2_decoder(ByteSource& in);
std::unique_ptr<ByteSink> make_s2_encoder(ByteSink& out);

}  // namespace concourse::baggageclaim
