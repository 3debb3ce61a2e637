// The settings of the worker of this machine, as its services have them.
#pragma once

#include <filesystem>
#include <string>

#include "common/config/parser.hpp"

namespace concourse::ctl::doctor {

struct Settings {
  config::Values values;  // wrong ones are left at their defaults
  std::string source;     // "/etc/concourse/worker.env", "the supervisor (pid 12)": for people
  std::string problem;    // what is wrong with them; empty if nothing
};

// A running supervisor's arguments and environment, else `file` (lines NAME=value, as systemd reads them) over `environment`.
Settings read_settings(const std::filesystem::path& runtime_dir, const std::filesystem::path& file,
                       const config::Environment& environment);

// The variables of such a file. Comments and empty lines are skipped, quotes around a value removed.
config::Environment parse_env_file(const std::string& text);

}  // namespace concourse::ctl::doctor
