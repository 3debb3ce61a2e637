#pragma once

#include <sys/stat.h>

#include <vector>

#include "common/tar/header.hpp"

namespace concourse::baggageclaim {

// The parts of a file that hold data, no more than `max` (at least 2): where there are more, the smallest holes count as data, and
// are read as the zeros that they are.
std::vector<tar::Extent> data_extents(int fd, const struct stat& status, std::size_t max);

}  // namespace concourse::baggageclaim
