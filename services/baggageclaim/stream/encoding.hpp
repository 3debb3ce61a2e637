// The encodings of volume streams, as header values: exact, case-sensitive, no lists, no parameters.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim {

enum class Encoding { raw, gzip, zstd, s2 };

std::optional<Encoding> parse_encoding(std::string_view name);
std::string_view name_of(Encoding encoding);

// Decodes `in`, which must outlive it. A stream that is cut off, damaged or followed by other bytes throws a bad_archive error.
std::unique_ptr<ByteSource> make_decoder(Encoding encoding, ByteSource& in);

// Encodes into `out`, which must outlive it. finish() ends the encoded stream and finishes `out`.
std::unique_ptr<ByteSink> make_encoder(Encoding encoding, ByteSink& out);

}  // namespace concourse::baggageclaim
