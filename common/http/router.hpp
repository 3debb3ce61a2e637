// Matches a request's target against a route table, on the still-escaped path, as the Go servers do.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace concourse::http {

struct Target {
  std::string path;                                        // still escaped
  std::vector<std::pair<std::string, std::string>> query;  // decoded with query rules; broken escapes are kept as sent
};
Target split_target(std::string_view target);

// True if `path` has the pattern's segments, or the pattern is "*"; captures are decoded with query rules (so + is a space).
bool match(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& captures);

}  // namespace concourse::http
