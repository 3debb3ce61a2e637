// openat2(2): how paths that strangers have written, or whose files they own, are resolved.
#pragma once

#include <linux/openat2.h>

#include <cstdint>
#include <string>

namespace concourse::os {

// Opens `path` from `directory` under the rules `resolve` (RESOLVE_… of linux/openat2.h); RESOLVE_NO_MAGICLINKS is always one of
// them. `flags` as open(2), O_CLOEXEC added. Returns a descriptor, the caller's, or -1 with errno: ELOOP for a link where there
// must be none. One who renames all the while gets EAGAIN after some attempts, and can't hold us.
int open_resolved(int directory, const std::string& path, int flags, std::uint64_t resolve);

}  // namespace concourse::os
