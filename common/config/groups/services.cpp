#include "common/config/groups.hpp"

namespace concourse::config {

namespace {

template <typename Wanted>
Group part(Group group, const Wanted& wanted) {
  std::erase_if(group.options, [&](const Option& option) { return !wanted(option.name); });
  return group;
}

// Decides in Garden and in BaggageClaim, whatever the runtime: anything but `full` takes the host's root from privileged
// containers and their volumes.
Group privileged_mode_group() {
  auto group = part(containerd_group(), [](auto name) { return name == "containerd-privileged-mode"; });
  group.title = "Privileged Containers";
  return group;
}

Group ipv6_group() {
  auto group = part(containerd_network_group(), [](auto name) { return name.starts_with("containerd-v6-"); });
  group.title = "IPv6 of Containers";
  return group;
}

// Where Garden is concerns those who ask it, and where it listens itself alone.
constexpr std::string_view kExternalGarden = "external-garden-url";
Group external_garden_group() {
  return part(garden_listen_group(), [](auto name) { return name == kExternalGarden; });
}
Group own_garden_group() {
  return part(garden_listen_group(), [](auto name) { return name != kExternalGarden; });
}

}  // namespace

std::vector<Group> garden_groups() {
  return {common_group(), work_dir_group(),        own_garden_group(), runtime_group(),
          garden_group(), privileged_mode_group(), ipv6_group()};
}

std::vector<Group> baggageclaim_groups() {
  return {common_group(), work_dir_group(), baggageclaim_group(), privileged_mode_group()};
}

std::vector<Group> beacon_groups() { return {common_group(), worker_group(), tsa_group(), external_garden_group()}; }

std::vector<Group> healthcheck_groups() { return {common_group(), healthcheck_group(), external_garden_group()}; }

}  // namespace concourse::config
