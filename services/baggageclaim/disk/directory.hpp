// Reading directories by descriptor.
#pragma once

#include <functional>
#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// Calls `visit` for every name but . and .. in the directory `directory`, in no order. `path` names it in errors.
void for_each_entry(int directory, const std::string& path, const std::function<void(const char* name)>& visit);
// The same with what the directory says of the entry's type: DT_REG and so on of <dirent.h>, or DT_UNKNOWN.
void for_each_entry(int directory, const std::string& path, const std::function<void(const char* name, unsigned char type)>& visit);

bool is_empty_directory(int directory, const std::string& path);

// A directory in `directory`, never through a link; not open if there is none of that name.
UniqueFd open_directory_at(int directory, const char* name);

// A descriptor that can be read, of a directory held by one that can't (O_PATH).
UniqueFd reopen_directory(int directory, const std::string& path);

}  // namespace concourse::baggageclaim
