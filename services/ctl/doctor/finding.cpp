#include "services/ctl/doctor/finding.hpp"

#include <algorithm>

namespace concourse::ctl::doctor {

namespace {

constexpr std::size_t kSubjectWidth = 18;

const char* word_of(Verdict verdict) { return verdict == Verdict::ok ? "OK" : verdict == Verdict::warning ? "warning" : "failure"; }

long count_of(const Findings& findings, Verdict verdict) {
  return std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.verdict == verdict; });
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

}  // namespace

std::string to_text(const Findings& findings) {
  std::string text;
  for (const auto& finding : findings) {
    text += padded(word_of(finding.verdict), 9) + padded(finding.subject, kSubjectWidth) + finding.what + "\n";
    if (!finding.remedy.empty()) text += std::string(9 + kSubjectWidth, ' ') + "→ " + finding.remedy + "\n";
  }
  const auto counted = [&](Verdict verdict) {
    const auto count = count_of(findings, verdict);
    return std::to_string(count) + " " + word_of(verdict) + (count == 1 || verdict == Verdict::ok ? "" : "s");
  };
  return text + "\n" + counted(Verdict::ok) + ", " + counted(Verdict::warning) + ", " + counted(Verdict::failure) + "\n";
}

Json to_json(const Findings& findings) {
  Json list = Json::array();
  for (const auto& finding : findings)
    list.push_back(
        {{"verdict", word_of(finding.verdict)}, {"subject", finding.subject}, {"what", finding.what}, {"remedy", finding.remedy}});
  return list;
}

bool has_failure(const Findings& findings) { return count_of(findings, Verdict::failure) > 0; }

}  // namespace concourse::ctl::doctor
