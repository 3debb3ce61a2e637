#include "services/baggageclaim/drivers/detect.hpp"

#include "common/base/error.hpp"
#include "services/baggageclaim/drivers/naive_driver.hpp"
#include "services/baggageclaim/drivers/overlay_driver.hpp"
#include "services/baggageclaim/drivers/overlay_probe.hpp"

namespace concourse::baggageclaim {

namespace {

DriverChoice overlay(const Paths& paths, const IdPolicy& policy) {
  if (paths.overlays().empty())
    throw Error(ErrorKind::usage, "driver overlay needs a directory for its layers: give --overlays-dir, or take --driver naive");
  auto probe = probe_overlay(paths, policy);
  DriverChoice choice;
  choice.driver = std::make_unique<OverlayDriver>(paths, policy, std::move(probe.map));
  choice.id_reason = std::move(probe.reason);
  return choice;
}

DriverChoice naive(const IdPolicy& policy) {
  DriverChoice choice;
  choice.driver = std::make_unique<NaiveDriver>();
  choice.id_reason = policy.max ? "owners are walked: driver naive has no mounts to map ids with"
                                : "ids are not mapped: user namespaces are disabled";
  return choice;
}

DriverChoice detect(const Paths& paths, const IdPolicy& policy) {
  try {
    auto choice = overlay(paths, policy);
    choice.reason = "overlays work here";
    return choice;
  } catch (const Error& e) {
    auto choice = naive(policy);
    choice.reason = e.what();
    return choice;
  }
}

}  // namespace

DriverChoice choose_driver(const DriverOptions& options, const Paths& paths, const IdPolicy& policy) {
  if (options.name == "detect") return detect(paths, policy);
  auto choice = options.name == "overlay" ? overlay(paths, policy) : naive(policy);
  choice.reason = "chosen by flag";
  return choice;
}

}  // namespace concourse::baggageclaim
