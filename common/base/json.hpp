// JSON in and out through one door: hostile bytes give an Error that names the field, never a crash, and what is printed
// looks as Go's encoder prints it, because Go programs read it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace concourse {

using Json = nlohmann::json;

// The first JSON value in `text`; what follows it is ignored, as Go's decoder does. Throws Error(invalid) on broken or
// empty text ("EOF" for empty) and on nesting deeper than 64 levels.
Json parse_json(std::string_view text);

// Compact, with <, >, &, U+2028 and U+2029 escaped and bad UTF-8 replaced by U+FFFD. No trailing newline.
std::string dump_json(const Json& value);

// Field access for a decoded object. Keys match case-insensitively (an exact match wins), as in Go. A missing or null
// field gives the fallback; a field of the wrong type throws Error(invalid) naming it.
const Json* find_field(const Json& object, std::string_view key);
std::string string_field(const Json& object, std::string_view key, std::string fallback = "");
bool bool_field(const Json& object, std::string_view key, bool fallback = false);
std::int64_t int_field(const Json& object, std::string_view key, std::int64_t fallback = 0);
std::uint64_t uint_field(const Json& object, std::string_view key, std::uint64_t fallback = 0);
// An array of strings; absent or null gives an empty one.
std::vector<std::string> strings_field(const Json& object, std::string_view key);

}  // namespace concourse
