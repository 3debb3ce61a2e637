#include "services/supervisor/leftovers.hpp"

#include <algorithm>

#include "common/base/strings.hpp"
#include "common/config/groups.hpp"

namespace concourse::supervisor {

namespace {

constexpr std::string_view kGarden = "CONCOURSE_GARDEN_";
constexpr std::string_view kContainerd = "CONCOURSE_CONTAINERD_";

// The Garden settings that are flags of the peer's worker itself, and so no leftovers in any runtime.
constexpr std::string_view kPeerGardenFlags[] = {"CONCOURSE_GARDEN_BIN",          "CONCOURSE_GARDEN_REQUEST_TIMEOUT",
                                                 "CONCOURSE_GARDEN_CONFIG",       "CONCOURSE_GARDEN_DNS_PROXY_ENABLE",
                                                 "CONCOURSE_GARDEN_NETWORK_POOL", "CONCOURSE_GARDEN_MAX_CONTAINERS"};

bool in_group(const config::Group& group, const std::string& variable) {
  return std::any_of(group.options.begin(), group.options.end(),
                     [&](const auto& option) { return config::variable_of(option) == variable; });
}

bool is_known_containerd(const std::string& variable) {
  return in_group(config::containerd_group(), variable) || in_group(config::containerd_network_group(), variable);
}

template <typename Known>
std::vector<std::string> unknown(const config::Environment& environment, std::string_view prefix, const Known& known) {
  std::vector<std::string> names;
  for (const auto& [name, value] : environment)
    if (name.starts_with(prefix) && !known(name)) names.push_back(name);
  return names;
}

std::string refusal(std::string_view prefix, std::string_view runtime, const std::vector<std::string>& names) {
  return "cannot use " + std::string(prefix) + " environment variables with " + std::string(runtime) + ": unset " +
         join(names, ", ");
}

}  // namespace

std::string leftover_variables(const std::string& runtime, const config::Environment& environment) {
  const auto is_peer_flag = [](const std::string& name) {
    return std::find(std::begin(kPeerGardenFlags), std::end(kPeerGardenFlags), name) != std::end(kPeerGardenFlags);
  };
  const auto containerd = unknown(environment, kContainerd, is_known_containerd);
  if (runtime == "guardian") {
    if (!containerd.empty()) return refusal(kContainerd, "Guardian", containerd);
    const auto group = config::garden_group();
    const auto garden = unknown(environment, kGarden, [&](const std::string& name) { return in_group(group, name); });
    return garden.empty() ? ""
                          : "Garden has no such setting: " + join(garden, ", ") +
                                "; unset it, or see concourse worker --help for those it has";
  }
  const auto garden = unknown(environment, kGarden, is_peer_flag);
  const auto* name = runtime == "containerd" ? "Containerd" : "Houdini";
  if (!garden.empty()) return refusal(kGarden, name, garden);
  if (runtime == "houdini" && !containerd.empty()) return refusal(kContainerd, name, containerd);
  return "";
}

}  // namespace concourse::supervisor
