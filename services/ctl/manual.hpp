// The manual page, in roff's man macros, from the table of verbs.
#pragma once

#include <string>

namespace concourse::ctl {

// What `concourse-workerctl --man-page` prints.
std::string manual();

}  // namespace concourse::ctl
