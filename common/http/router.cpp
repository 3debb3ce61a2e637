#include "common/http/router.hpp"

#include "common/base/strings.hpp"

namespace concourse::http {

namespace {
std::string decoded(std::string_view text) { return percent_decode(text, true).value_or(std::string(text)); }
}  // namespace

Target split_target(std::string_view target) {
  Target out;
  const auto question = target.find('?');
  out.path = target.substr(0, question);
  if (question == std::string_view::npos) return out;
  for (const auto& pair : split(target.substr(question + 1), '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    out.query.emplace_back(decoded(std::string_view(pair).substr(0, equals)),
                           equals == std::string::npos ? "" : decoded(std::string_view(pair).substr(equals + 1)));
  }
  return out;
}

bool match(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& captures) {
  captures.clear();
  if (pattern == "*") return true;
  for (;;) {
    const auto want_end = pattern.find('/', 1), have_end = path.find('/', 1);
    const auto want = pattern.substr(0, want_end), have = path.substr(0, have_end);
    if (want.starts_with("/:")) {
      if (!have.starts_with('/')) return false;
      captures[std::string(want.substr(2))] = decoded(have.substr(1));
    } else if (want != have) {
      return false;
    }
    if ((want_end == std::string_view::npos) != (have_end == std::string_view::npos)) return false;
    if (want_end == std::string_view::npos) return true;
    pattern.remove_prefix(want_end);
    path.remove_prefix(have_end);
  }
}

}  // namespace concourse::http
