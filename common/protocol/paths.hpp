// Where the services meet on disk. docs/state-on-disk.md has the whole tree.
//
//   <runtime-dir>/                  (default /run/concourse-worker, a tmpfs: gone after a reboot, as the containers are)
//     lock                          flock: one worker per directory
//     garden.sock                   the Garden API
//     baggageclaim.sock             the BaggageClaim API
//     control/<service>.sock        supervisor, garden, baggageclaim, beacon, healthcheck (docs/protocols/control.md)
//     notify.sock                   readiness, when the supervisor runs the services
//     garden/                       services/garden/paths.hpp
//   <work-dir>/
//     lock
//     volumes/ overlays/            services/baggageclaim
#pragma once

#include <filesystem>
#include <string>

namespace concourse::protocol {

inline std::filesystem::path garden_socket(const std::filesystem::path& runtime_dir) { return runtime_dir / "garden.sock"; }
inline std::filesystem::path baggageclaim_socket(const std::filesystem::path& runtime_dir) {
  return runtime_dir / "baggageclaim.sock";
}
inline std::filesystem::path notify_socket(const std::filesystem::path& runtime_dir) { return runtime_dir / "notify.sock"; }
inline std::filesystem::path control_socket(const std::filesystem::path& runtime_dir, const std::string& service) {
  return runtime_dir / "control" / (service + ".sock");
}

}  // namespace concourse::protocol
