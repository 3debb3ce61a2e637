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

}  // namespace concourse::supervisor
