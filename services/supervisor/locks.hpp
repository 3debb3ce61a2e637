// One worker per runtime directory and per work directory: the locks that say so.
#pragma once

#include <filesystem>
#include <vector>

#include "common/base/unique_fd.hpp"

namespace concourse::supervisor {

// Makes both directories and locks them for as long as the descriptors live; the kernel frees them with the process, however
// it ends. Throws Error(conflict) naming the holder.
std::vector<UniqueFd> lock_directories(const std::filesystem::path& runtime_dir, const std::filesystem::path& work_dir);

}  // namespace concourse::supervisor
