// Reading directories by descriptor.
#pragma once

#include <functional>
#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// Calls `visit` for every name but . and .. in the directory `directory`, in no order. `path` names it in errors.
void for_each_entry(int directory, const std::string& path, const std::function<void(const char* name)>& visit);

bool is_empty_directory(int directory, const std::string& path);

// A directory in `directory`, never through a link; not open if there is none of that name.
UniqueFd open_directory_at(int directory, const char* name);

// A descriptor that can be read, of a directory held by one that can't (O_PATH).
UniqueFd reopen_directory(int directory, const std::string& path);

}  // namespace concourse::baggageclaim
