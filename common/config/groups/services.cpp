#include "common/config/groups.hpp"

namespace concourse::config {

namespace {

// Decides in Garden and in BaggageClaim, whatever the runtime: anything but `full` takes the host's root from privileged
// containers and their volumes.
Group privileged_mode_group() {
  auto group = containerd_group();
  std::erase_if(group.options, [](const Option& option) { return option.name != "containerd-privileged-mode"; });
  group.title = "Privileged Containers";
  return group;
}

}  // namespace

std::vector<Group> garden_groups() {
  return {common_group(), work_dir_group(), garden_listen_group(), runtime_group(), garden_group(), privileged_mode_group()};
}

std::vector<Group> baggageclaim_groups() {
  return {common_group(), work_dir_group(), baggageclaim_group(), privileged_mode_group()};
}

std::vector<Group> beacon_groups() { return {common_group(), worker_group(), tsa_group(), garden_listen_group()}; }

std::vector<Group> healthcheck_groups() { return {common_group(), healthcheck_group(), garden_listen_group()}; }

}  // namespace concourse::config
