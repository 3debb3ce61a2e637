#include "services/garden/spec/id_map.hpp"

#include <algorithm>
#include <sstream>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

std::uint32_t highest_id(const std::filesystem::path& map_file) {
  std::istringstream lines(os::read_existing_file(map_file, 1 << 16));
  std::uint64_t inside = 0, outside = 0, size = 0, highest = 0;
  while (lines >> inside >> outside >> size) highest = std::max(highest, inside + size - 1);
  if (highest == 0 || highest > UINT32_MAX) throw Error(ErrorKind::internal, "'" + map_file.string() + "' has no usable id range");
  return static_cast<std::uint32_t>(highest);
}

bool has_ids(const std::filesystem::path& map_file, std::uint32_t first, std::uint32_t last) {
  std::istringstream lines(os::read_existing_file(map_file, 1 << 16));
  std::uint64_t inside = 0, outside = 0, size = 0;
  while (lines >> inside >> outside >> size)
    if (inside <= first && last < inside + size) return true;
  return false;
}

std::string id_map_text(std::uint32_t highest) {
  return "0 " + std::to_string(highest) + " 1\n1 1 " + std::to_string(highest - 1) + "\n";
}

Json id_mappings(std::uint32_t highest) {
  return Json::array(
      {{{"containerID", 0}, {"hostID", highest}, {"size", 1}}, {{"containerID", 1}, {"hostID", 1}, {"size", highest - 1}}});
}

}  // namespace concourse::garden
