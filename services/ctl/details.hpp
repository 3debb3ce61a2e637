// What matters in a service's answer to `status`, in one line.
#pragma once

#include <string>

#include "common/base/json.hpp"

namespace concourse::ctl {

// Fields that are missing, as in the answer of an older or newer service, are left out.
std::string details(const std::string& service, const Json& answer);

// What a drain waits for and how long it may take, in the beacon's answer; empty when there is none.
std::string drain_progress(const Json& answer);

}  // namespace concourse::ctl
