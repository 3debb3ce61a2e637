#pragma once

#include <optional>
#include <string>

#include "services/baggageclaim/drivers/layer_mounter.hpp"
#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"

namespace concourse::baggageclaim {

// Whether overlays work on the layers' file system, and whether with mapped ids, found out by mounting one and writing to it.
struct OverlayProbe {
  std::optional<LayerMap> map;  // nothing: ids can't be mapped
  std::string reason;           // why or why not
};

// Throws Error(unavailable) if overlays don't work at all.
OverlayProbe probe_overlay(const Paths& paths, const IdPolicy& policy);

}  // namespace concourse::baggageclaim
