#include "common/config/groups.hpp"

namespace concourse::config {

std::vector<Group> garden_groups() {
  return {common_group(), work_dir_group(),   garden_listen_group(),     runtime_group(),
          garden_group(), containerd_group(), containerd_network_group()};
}

// containerd-privileged-mode decides here too: anything but `full` makes privileged volumes unprivileged.
std::vector<Group> baggageclaim_groups() {
  return {common_group(), work_dir_group(), baggageclaim_group(), runtime_group(), containerd_group()};
}

// The sweepers use garden-request-timeout in every runtime.
std::vector<Group> beacon_groups() {
  return {common_group(), work_dir_group(), worker_group(), tsa_group(), garden_listen_group(), garden_group()};
}

std::vector<Group> healthcheck_groups() { return {common_group(), healthcheck_group(), garden_listen_group()}; }

}  // namespace concourse::config
