// Finds the verb in a command line and reads its flags.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/parser.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

struct Invocation {
  const Verb* verb = nullptr;
  config::Values values;
  std::vector<std::string> words, command;
};

// Throws Error(usage) with the verbs that exist, or the words that are missing; HelpShown after --help.
Invocation read_command_line(const std::vector<std::string>& arguments, const config::Environment& environment);

// The text of `concourse-workerctl --help`.
std::string overview();

}  // namespace concourse::ctl
