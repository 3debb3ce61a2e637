// What concourse-workerctl doctor says about one thing.
#pragma once

#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::ctl::doctor {

enum class Verdict { ok, warning, failure };

struct Finding {
  Verdict verdict = Verdict::ok;
  std::string subject;  // "kernel", "DNS": a few words
  std::string what;     // how it is, in one sentence
  std::string remedy;   // what to do; empty if it is well
};
using Findings = std::vector<Finding>;

inline Finding ok(std::string subject, std::string what) { return {Verdict::ok, std::move(subject), std::move(what), ""}; }
inline Finding warning(std::string subject, std::string what, std::string remedy) {
  return {Verdict::warning, std::move(subject), std::move(what), std::move(remedy)};
}
inline Finding failure(std::string subject, std::string what, std::string remedy) {
  return {Verdict::failure, std::move(subject), std::move(what), std::move(remedy)};
}

// A line for each, the remedy in a line of its own below, and the count at the end.
std::string to_text(const Findings& findings);
Json to_json(const Findings& findings);
bool has_failure(const Findings& findings);

}  // namespace concourse::ctl::doctor
