// Finds the verb in a command line and reads its flags.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/parser.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

inline constexpr const char* kProgram = "concourse-workerctl";

struct Invocation {
  const Verb* verb = nullptr;
  config::Values values;
  std::vector<std::string> words, command;
};

// Throws Error(usage) with the verbs that exist, or the words that are missing; HelpShown after --help, --version and --man-page.
Invocation read_command_line(const std::vector<std::string>& arguments, const config::Environment& environment);

// "garden run HANDLE [-- COMMAND...]"
std::string usage_of(const Verb& verb);

// Of every verb.
config::Option runtime_dir_option();

// The text of `concourse-workerctl --help`.
std::string overview();

}  // namespace concourse::ctl
