#pragma once

#include <string>

#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/uidgid/id_policy.hpp"

namespace concourse::baggageclaim {

// What overlays can do on the layers' file system, found out by mounting one and writing to it.
struct OverlayProbe {
  bool maps_ids = false;
  bool can_be_volatile = false;
  std::string ids;  // how owners are mapped, and why, for the log
};

// Throws Error(unavailable) if overlays don't work at all.
OverlayProbe probe_overlay(const Paths& paths, const IdPolicy& policy);

}  // namespace concourse::baggageclaim
