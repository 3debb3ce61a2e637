// What can be known to be wrong before anything is started.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "common/config/parser.hpp"

namespace concourse::supervisor {

// Every problem found, in the order in which a start would meet them; each names the thing and the remedy. `programs` is the
// directory of the services' programs.
std::vector<Error> check(const config::Values& values, const config::Environment& environment,
                         const std::filesystem::path& programs);

// The rest of what can be checked without starting, for --check-config: what the services think of their settings and of the
// machine, whether ports are free and directories can be made. Starts each service's program with --check-config, ten seconds for
// each. What they only warn of is added to `warnings`.
std::vector<Error> check_thoroughly(const config::Values& values, const config::Environment& environment,
                                    const std::filesystem::path& programs, std::vector<std::string>& warnings);

}  // namespace concourse::supervisor
