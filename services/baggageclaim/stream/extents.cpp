#include "services/baggageclaim/stream/extents.hpp"

#include "services/baggageclaim/disk/file_copy.hpp"

namespace concourse::baggageclaim {

namespace {

// Closes holes up to `smallest` bytes.
void close_holes(std::vector<tar::Extent>& extents, std::uint64_t smallest) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < extents.size(); ++i) {
    auto& last = extents[kept];
    if (extents[i].at - (last.at + last.size) <= smallest) last.size = extents[i].at + extents[i].size - last.at;
    else extents[++kept] = extents[i];
  }
  extents.resize(kept + 1);
}

}  // namespace

std::vector<tar::Extent> data_extents(int fd, const struct stat& status, std::size_t max) {
  std::vector<tar::Extent> extents;
  std::uint64_t smallest = 0;  // a hole that is smaller is none
  for_each_data_range(fd, status, [&](std::int64_t begin, std::int64_t end) {
    const auto at = static_cast<std::uint64_t>(begin), size = static_cast<std::uint64_t>(end - begin);
    if (!extents.empty() && at - (extents.back().at + extents.back().size) <= smallest) {
      extents.back().size = at + size - extents.back().at;
      return;
    }
    extents.push_back({at, size});
    while (extents.size() >= max) {
      smallest = smallest == 0 ? 4096 : 2 * smallest;
      close_holes(extents, smallest);
    }
  });
  return extents;
}

}  // namespace concourse::baggageclaim
