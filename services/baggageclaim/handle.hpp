// Handles become path segments: only what is safe as one is a handle.
#pragma once

#include <string_view>

#include "common/base/strings.hpp"

namespace concourse::baggageclaim {

// [A-Za-z0-9_-][A-Za-z0-9._-]{0,127}; not `work`, a directory beside the layers, nor `destroy` and `cleanup-orphans`, which
// are routes where a handle would stand.
inline bool is_valid_handle(std::string_view handle) {
  return is_plain_name(handle) && handle != "work" && handle != "destroy" && handle != "cleanup-orphans";
}

}  // namespace concourse::baggageclaim
