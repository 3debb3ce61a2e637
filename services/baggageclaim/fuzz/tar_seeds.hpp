// Archives to begin with: every type of member, and every extension that a reader knows.
#pragma once

#include <string>
#include <vector>

namespace concourse::baggageclaim::fuzz {

std::vector<std::string> tar_seeds();

}  // namespace concourse::baggageclaim::fuzz
