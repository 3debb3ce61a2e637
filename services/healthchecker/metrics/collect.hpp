// What the services and the kernel say, as metrics. Answers of older or newer services may lack fields: then their metrics are
// absent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "common/base/json.hpp"
#include "services/healthchecker/metrics/page.hpp"

namespace concourse::healthchecker::metrics {

// By service: the answer to `status`, or null when there was none. "supervisor" is among them; it is no service that must be up.
using Answers = std::map<std::string, Json>;

// Asks all but the healthcheck itself at once; blocks for two seconds at most.
Answers ask_services(const std::filesystem::path& runtime_dir);

void add_services(Page& page, const Answers& answers);
// `proc`: "/proc" but for tests.
void add_machine(Page& page, const std::filesystem::path& proc = "/proc");

}  // namespace concourse::healthchecker::metrics
