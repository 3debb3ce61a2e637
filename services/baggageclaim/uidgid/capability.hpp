// File capabilities (the xattr security.capability) across a change of owner, which makes the kernel drop them.
//
// Two forms matter: revision 2 belongs to the root of the namespace the file system is in, revision 3 names its root's id
// (struct vfs_ns_cap_data, little-endian: magic_etc, 2 x {permitted, inheritable}, rootid).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

inline constexpr const char* kCapabilityXattr = "security.capability";

// The value as an archive carries it, without an owner of its own: revision 2. Nothing if it belongs to an id that isn't the
// view's root, or isn't understood: such capabilities have no effect in the container anyway.
std::optional<std::string> capability_to_container(std::string_view value, const IdView& view);

// The value that gives the same capabilities to the container that sees the file under `view`.
std::optional<std::string> capability_to_host(std::string_view value, const IdView& view);

}  // namespace concourse::baggageclaim
