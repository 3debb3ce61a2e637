#include "services/baggageclaim/drivers/overlay_records.hpp"

#include <sys/stat.h>

#include "common/base/error.hpp"
#include "services/baggageclaim/metadata.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr int kMaxGenerations = 1000;  // of parents: more is a circle
}

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

std::optional<VolumeDir> find_layer_owner(const Paths& paths, const std::string& handle) {
  for (const auto stage : {Stage::live, Stage::init, Stage::dead})
    if (const auto path = paths.stage(stage) / handle; is_there(path)) return VolumeDir{stage, handle, path};
  if (const auto path = paths.quarantine() / handle; is_there(path)) return VolumeDir{Stage::dead, handle, path};
  return std::nullopt;
}

VolumeFormat overlay_format(const Paths& paths, const IdPolicy& policy, const VolumeDir& volume) {
  if (auto format = read_format(volume)) return std::move(*format);
  VolumeFormat format;
  format.driver = "overlay";
  format.shifted = policy.view(read_privileged(volume)).shifted();
  auto current = read_parent(volume);
  for (int generation = 0; current; ++generation) {
    format.layers = {*current};
    const auto owner = find_layer_owner(paths, *current);
    if (!owner || generation > kMaxGenerations)
      throw Error(ErrorKind::invalid, "volume '" + volume.handle + "' has lost its parent '" + *current + "'");
    current = read_parent(*owner);
  }
  return format;
}

bool stored_shifted(const Paths& paths, const IdPolicy& policy, const std::string& handle) {
  const auto volume = find_layer_owner(paths, handle);
  if (!volume) throw Error(ErrorKind::invalid, "layer '" + handle + "' belongs to no volume any more");
  if (const auto format = read_format(*volume)) return format->shifted;
  return policy.view(read_privileged(*volume)).shifted();
}

}  // namespace concourse::baggageclaim
