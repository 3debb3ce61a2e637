// Base 64, by OpenSSL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace concourse {

// Line breaks and blanks in `text` are skipped; anything else that isn't base 64 gives nothing.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace concourse
