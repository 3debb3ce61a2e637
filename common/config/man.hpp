// Pieces of a manual page, in roff's man macros, for programs whose page man_page() (parser.hpp) doesn't make as a whole.
#pragma once

#include <string>
#include <string_view>

#include "common/config/option.hpp"

namespace concourse::config {

// Text as roff wants it: no backslash of ours, hyphens that can be copied, and no line that begins like a request.
std::string roff(std::string_view text);

// The title and the section NAME, of a page of section 1.
std::string man_head(std::string_view program, std::string_view summary);

// One flag: its name, what it does, its default and its variable.
std::string man_option(const Option& option);

}  // namespace concourse::config
