// What is known of one thing of the machine: how it is, and what to do about it. The start of a service, --check-config and
// concourse-workerctl doctor ask the same functions, so that they say the same.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace concourse::host {

enum class Verdict { ok, warning, failure };

struct Finding {
  Verdict verdict = Verdict::ok;
  std::string subject;  // "kernel", "DNS": a few words
  std::string what;     // how it is, in one sentence
  std::string remedy;   // what to do; empty if it is well

  std::string text() const { return subject + ": " + what + (remedy.empty() ? "" : "; " + remedy); }
};
using Findings = std::vector<Finding>;

inline Finding ok(std::string subject, std::string what) { return {Verdict::ok, std::move(subject), std::move(what), ""}; }
inline Finding warning(std::string subject, std::string what, std::string remedy) {
  return {Verdict::warning, std::move(subject), std::move(what), std::move(remedy)};
}
inline Finding failure(std::string subject, std::string what, std::string remedy) {
  return {Verdict::failure, std::move(subject), std::move(what), std::move(remedy)};
}

// For --check-config: each warning is a line "<program>: warning: …" on stderr, and failures are thrown, as Problems(unavailable).
void report(const std::string& program, const Findings& findings);

}  // namespace concourse::host
