// What matters in a service's answer to `status`, in one line.
#pragma once

#include <string>

#include "common/base/json.hpp"

namespace concourse::ctl {

// Fields that are missing, as in the answer of an older or newer service, are left out.
std::string details(const std::string& service, const Json& answer);

}  // namespace concourse::ctl
