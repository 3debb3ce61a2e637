// --garden-config: the ini file that operators of gdn have, section [server], `flag = value`, repeated for lists.
#pragma once

#include "common/config/values.hpp"

namespace concourse::garden {

// The values with what the file sets and neither the command line nor the environment does. Throws Error(usage) naming the file
// and the line.
config::Values with_garden_config(const config::Values& given);

// "flag" -> its values, in order.
std::map<std::string, std::vector<std::string>> parse_garden_config(const std::string& text, const std::string& name);

}  // namespace concourse::garden
