#include "common/host/finding.hpp"

#include <cstdio>

#include "common/base/error.hpp"

namespace concourse::host {

void report(const std::string& program, const Findings& findings) {
  std::vector<std::string> failures;
  for (const auto& finding : findings) {
    if (finding.verdict == Verdict::failure) failures.push_back(finding.text());
    if (finding.verdict == Verdict::warning) std::fprintf(stderr, "%s: warning: %s\n", program.c_str(), finding.text().c_str());
  }
  if (!failures.empty()) throw Problems(ErrorKind::unavailable, std::move(failures));
}

}  // namespace concourse::host
