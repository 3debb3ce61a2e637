// Text for people.
#pragma once

#include <string>
#include <vector>

namespace concourse::ctl {

// Columns as wide as their longest cell, two spaces between them; control characters are replaced by '?', so that no name can
// steer the terminal. Ends with a newline.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace concourse::ctl
