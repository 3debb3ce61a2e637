// Reads a program's options from its arguments and the environment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/config/option.hpp"
#include "common/config/values.hpp"

namespace concourse::config {

using Environment = std::map<std::string, std::string>;
Environment current_environment();

// Throws Problems(usage): each names the flag, and the variable where the value came from one. `words_allowed`: whether words that
// are no flags are kept or refused. After --help prints the help text to stdout and throws HelpShown; --version and --man-page
// likewise.
Values parse(const Program& program, const std::vector<std::string>& arguments, const Environment& environment,
             bool words_allowed = false);

// The same, but adds to `problems` instead of throwing: an option with a wrong value then has its default.
Values parse(const Program& program, const std::vector<std::string>& arguments, const Environment& environment, bool words_allowed,
             std::vector<std::string>& problems);

// The name of an option's environment variable; empty if it has none.
std::string variable_of(const Option& option);

// The help text: groups as headings, each flag with its default and variable, then the example.
std::string help_text(const Program& program);

// The manual page, in roff's man macros: the same table.
std::string man_page(const Program& program);

// Go's time.ParseDuration. Throws Error(invalid).
Duration parse_duration(std::string_view text);
using concourse::duration_text;  // its inverse

}  // namespace concourse::config
