// The little that a proxy has to know of DNS messages (RFC 1035).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace concourse::garden::dns {

inline constexpr std::size_t kMaxMessage = 65535;

// The id of a query, or nothing for what is none.
std::optional<std::uint16_t> query_id(std::string_view message);

// The answer to `query` that says that nobody could answer it; nothing for what is no query.
std::optional<std::string> server_failure(std::string_view query);

}  // namespace concourse::garden::dns
