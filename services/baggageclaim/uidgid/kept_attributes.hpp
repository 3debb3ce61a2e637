// What a change of owner takes from a file, kept on the file itself until it is back: a walk that is killed between the two
// finds it there when it is repeated.
//
// The extended attribute trusted.concourse.kept: the mode in octal, a colon, and the bytes of security.capability (or none).
// Containers can't write trusted attributes. Where a file system has none, nothing is kept, and such a walk may lose a mode.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace concourse::baggageclaim {

struct KeptAttributes {
  mode_t mode = 0;         // permission bits, 07777
  std::string capability;  // security.capability before the change; empty for none
};

// `path` is one that can't be exchanged: /proc/self/fd/N. Throws SysError, but not if the file system has no such attributes.
void keep_attributes(const std::string& path, const KeptAttributes& kept);

// What a walk that was cut short has kept; nothing if it hasn't, or if the value isn't in the form above.
std::optional<KeptAttributes> kept_attributes(const std::string& path);

// Both are back. Throws SysError, but not if there is nothing.
void forget_attributes(const std::string& path);

}  // namespace concourse::baggageclaim
