// What the services say about themselves on their control sockets.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/json.hpp"

namespace concourse::healthchecker {

// One service's answer to `status`, or why there is none.
struct Statement {
  Json answer;
  std::string error;
};
using Statements = std::map<std::string, Statement>;  // by service: "garden", "baggageclaim" …

// Asks all of them at once; blocks until the deadline at most.
Statements ask_services(const std::filesystem::path& runtime_dir, const std::vector<std::string>& services, Deadline deadline);

}  // namespace concourse::healthchecker
