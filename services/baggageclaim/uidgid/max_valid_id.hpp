// The highest id that exists in our own user namespace: what root of an unprivileged container is on the host. The
// container runtime computes the same number, so that container root owns its volumes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace concourse::baggageclaim {

// From the text of a uid_map or gid_map: of its last line, inside + size - 1. Nothing if the text has no such line.
std::optional<std::uint32_t> max_valid_id(std::string_view id_map);

// The smaller of our uid's and gid's. Nothing where the kernel has no user namespaces: then no ids are mapped.
std::optional<std::uint32_t> own_max_valid_id();

}  // namespace concourse::baggageclaim
