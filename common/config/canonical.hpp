// The check of one value against its option's type.
#pragma once

#include <string>

#include "common/config/option.hpp"

namespace concourse::config {

// `value` in its canonical form: paths absolute, booleans "true" or "false", networks with a prefix. Throws Error(usage)
// whose text goes on from "flag --x: ".
std::string canonical(const Option& option, const std::string& value);

// Whether the option holds several values.
bool many(const Option& option);

}  // namespace concourse::config
