#include "services/baggageclaim/uidgid/max_valid_id.hpp"

#include <algorithm>
#include <sstream>

#include "common/os/file.hpp"

namespace concourse::baggageclaim {

std::optional<std::uint32_t> max_valid_id(std::string_view id_map) {
  std::istringstream lines{std::string(id_map)};
  std::uint64_t inside = 0, outside = 0, size = 0;
  std::optional<std::uint32_t> max;
  while (lines >> inside >> outside >> size) {
    const auto last = inside + size - 1;
    if (size == 0 || last >= UINT32_MAX) return std::nullopt;
    max = static_cast<std::uint32_t>(last);
  }
  return lines.eof() ? max : std::nullopt;
}

std::optional<std::uint32_t> own_max_valid_id() {
  const auto uids = os::read_file("/proc/self/uid_map"), gids = os::read_file("/proc/self/gid_map");
  if (!uids || !gids) return std::nullopt;
  const auto uid = max_valid_id(*uids), gid = max_valid_id(*gids);
  if (!uid || !gid) return std::nullopt;
  return std::min(*uid, *gid);
}

}  // namespace concourse::baggageclaim
