#include "services/baggageclaim/volume_kinds.hpp"

#include "common/base/error.hpp"
#include "services/baggageclaim/metadata.hpp"
#include "services/baggageclaim/volume_format.hpp"

namespace concourse::baggageclaim {

namespace {

std::string kind_of(const VolumeDir& volume) {
  try {
    const auto format = read_format(volume);
    if (format && !format->strategy.empty()) return format->strategy;
    return read_parent(volume) ? "cow" : "unknown";
  } catch (const Error&) {  // broken, or destroyed meanwhile: others tell
    return "unknown";
  }
}

}  // namespace

std::map<std::string, std::size_t> VolumeKinds::count(const Filesystem& filesystem) {
  std::map<std::string, std::size_t> counts{{"empty", 0}, {"import", 0}, {"cow", 0}, {"unknown", 0}};
  std::map<std::string, std::string> now;
  for (const auto& handle : filesystem.list(Stage::live)) {
    const auto found = known_.find(handle);
    auto kind =
        found != known_.end() ? found->second : kind_of({Stage::live, handle, filesystem.paths().stage(Stage::live) / handle});
    if (!counts.contains(kind)) kind = "unknown";  // a record of another version: few labels, whatever it says
    ++counts[kind];
    now.emplace(handle, std::move(kind));
  }
  known_ = std::move(now);
  return counts;
}

}  // namespace concourse::baggageclaim
