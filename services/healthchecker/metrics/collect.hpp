// What the services and the kernel say, as metrics. Answers of older or newer services may lack fields: then their metrics are
// absent.
#pragma once

#include <cstdint>
#include <filesystem>

#include "services/healthchecker/metrics/page.hpp"
#include "services/healthchecker/statements.hpp"

namespace concourse::healthchecker::metrics {

// "supervisor" may be among them; it is no service that must be up.
void add_services(Page& page, const Statements& statements);
// `proc`: "/proc" but for tests.
void add_machine(Page& page, const std::filesystem::path& proc = "/proc");

}  // namespace concourse::healthchecker::metrics
