// The user and group ids of unprivileged containers: the container's root is the highest id that we have, every other id is
// itself. BaggageClaim shifts the ownership of volumes by the same rule, and both must agree on that highest id.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/json.hpp"

namespace concourse::garden {

// The highest id in the map's "inside" column of /proc/self/uid_map or gid_map: 4294967294 on an ordinary host.
std::uint32_t highest_id(const std::filesystem::path& map_file);

// Whether the map's "inside" column has all ids from `first` to `last` in one piece.
bool has_ids(const std::filesystem::path& map_file, std::uint32_t first, std::uint32_t last);

// The lines of uid_map or gid_map for the same as id_mappings().
std::string id_map_text(std::uint32_t highest);

// OCI's uidMappings or gidMappings.
Json id_mappings(std::uint32_t highest);

}  // namespace concourse::garden
