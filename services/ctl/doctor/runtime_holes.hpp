// Which releases of crun and runc let a container out, or its image reach the host, and which are mended.
#pragma once

#include <climits>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace concourse::ctl::doctor {

struct RuntimeVersion {
  int major = 0, minor = 0, patch = 0;
  int candidate = INT_MAX;                                  // of "1.0.0-rc95", "1.4.0-rc.3", "1.0.0~rc6": before the release itself
  auto operator<=>(const RuntimeVersion&) const = default;  // NOLINT(modernize-use-nullptr): no pointer here

  // The first number in what `--version` printed: two or three parts, perhaps a candidate's. Nothing if there is none.
  static std::optional<RuntimeVersion> parse(std::string_view text);
};

struct RuntimeHole {
  const char* cve;
  const char* runtime;  // "crun", "runc"
  // The first mended release of each branch (major.minor) that got one, ascending. Older branches got none; younger ones began
  // mended.
  std::vector<RuntimeVersion> mended;
  const char* kept_out;  // what of this worker keeps it out (docs/isolation.md); as the end of a sentence
};

// Those that `version` has, oldest first. One that `changelog`, the distribution package's, names is mended: distributions mend
// without changing the number.
std::vector<RuntimeHole> holes_of(std::string_view runtime, const RuntimeVersion& version, std::string_view changelog);

}  // namespace concourse::ctl::doctor
