// Small text helpers that the standard library lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace concourse {

// "a,,b" -> {"a","","b"}; "" -> {}.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);

// A whole decimal number without sign, spaces or leftovers; nothing on overflow.
std::optional<std::uint64_t> parse_u64(std::string_view text);
// A whole decimal number, sign allowed.
std::optional<std::int64_t> parse_i64(std::string_view text);

// %XX decoding. With `plus_is_space` it follows the rules of a query string; broken escapes give nothing.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
// Escapes everything outside RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);
// The same, leaving / alone.
std::string percent_encode_path(std::string_view path);

// A random (version 4) UUID in lower case, from the kernel's random source.
std::string make_uuid();
// The bytes of a UUID in the usual form, 8-4-4-4-12.
std::string uuid_text(const unsigned char (&bytes)[16]);

// `bytes` random bytes as lower-case hexadecimal digits.
std::string random_hex(std::size_t bytes);

// For people, the two largest units: "42s", "3m5s", "2h", "1d4h".
std::string short_time(std::int64_t seconds);

// [A-Za-z0-9._-]
bool is_name_character(char c);
// True if `text` is `[A-Za-z0-9_][A-Za-z0-9._-]*`, at most `max` bytes: safe as one path segment, as a container id, and as a word
// of a command line, where it can't be an option.
bool is_plain_name(std::string_view text, std::size_t max = 128);

}  // namespace concourse
