// One block of the S2 (or Snappy) block format.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace concourse::baggageclaim {

// Decodes a whole block; its decoded size may be at most `max`. Throws a bad_archive error for anything damaged; never reads
// or writes out of bounds, whatever the bytes.
std::string decode_s2_block(std::string_view block, std::size_t max);

}  // namespace concourse::baggageclaim
