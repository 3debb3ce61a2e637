// Where Garden keeps what it knows. Everything that belongs to a running container is in the runtime directory, a tmpfs: it
// disappears with the machine's uptime, exactly as the containers do, so that nothing has to be guessed after a reboot.
//
//   <runtime-dir>/garden/      for root, and to pass through for the root of unprivileged containers (0710, its group)
//     boot_id                  the boot that the rest belongs to, for hosts where the directory is on a disk
//     oci/                     the OCI runtime's own state (--root)
//     containers/<handle>/
//       spec.json              the ContainerSpec as accepted, and what was decided for it (address, owner)
//       properties.json        replaced whole at each change
//       created                there once the container is complete: only then is it listed
//       config.json            the OCI bundle's
//       shim.json shim.sock init.pid exits/ mounts/ userns       common/protocol/shim.hpp
//       shim.pid shim.log        the shim's pid, and what it had to say
//       etc/                     of earlier versions: a tmpfs that is mounted there
//   <work-dir>/garden/
//     probe-rootfs/            empty root of the container that a start makes to see whether it can
//     init/<content's hash>    concourse-init as it was when containers were made with it
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/protocol/worker_id.hpp"

namespace concourse::garden {

struct Paths {
  std::filesystem::path runtime_dir, work_dir;

  std::uint32_t worker_id() const { return protocol::worker_id(runtime_dir.string()); }

  std::filesystem::path root() const { return runtime_dir / "garden"; }
  std::filesystem::path boot_id() const { return root() / "boot_id"; }
  std::filesystem::path oci() const { return root() / "oci"; }
  std::filesystem::path containers() const { return root() / "containers"; }
  std::filesystem::path container(const std::string& handle) const { return containers() / handle; }
  std::filesystem::path probe_rootfs() const { return work_dir / "garden" / "probe-rootfs"; }
  std::filesystem::path inits() const { return work_dir / "garden" / "init"; }
  std::filesystem::path live_volumes() const { return work_dir / "volumes" / "live"; }  // BaggageClaim's
};

// Inside a container directory.
inline std::filesystem::path spec_path(const std::filesystem::path& dir) { return dir / "spec.json"; }
inline std::filesystem::path properties_path(const std::filesystem::path& dir) { return dir / "properties.json"; }
inline std::filesystem::path created_path(const std::filesystem::path& dir) { return dir / "created"; }
inline std::filesystem::path bundle_path(const std::filesystem::path& dir) { return dir / "config.json"; }
inline std::filesystem::path etc_path(const std::filesystem::path& dir) { return dir / "etc"; }

}  // namespace concourse::garden
