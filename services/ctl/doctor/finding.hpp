// How concourse-workerctl doctor shows what it has found.
#pragma once

#include <string>

#include "common/base/json.hpp"
#include "common/host/finding.hpp"

namespace concourse::ctl::doctor {

using host::failure;
using host::Finding;
using host::Findings;
using host::ok;
using host::Verdict;
using host::warning;

// A line for each, the remedy in a line of its own below, and the count at the end.
std::string to_text(const Findings& findings);
Json to_json(const Findings& findings);
bool has_failure(const Findings& findings);

}  // namespace concourse::ctl::doctor
