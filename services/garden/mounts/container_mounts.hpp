// All that the OCI runtime finds in place when it makes a container: the root file system with the client's mounts and the
// container's hosts, hostname and resolv.conf on it. Made of descriptors alone, and attached nowhere: the shim attaches it in a
// mount namespace of its own, for as long as the runtime needs (common/protocol/shim.hpp). So no part of it is ever resolved again
// by name, the host doesn't see it, and the kernel takes it away with those who use it, however they end.
//
//   <container dir>/mounts/      a tmpfs of 1 MiB: what a container writes to its files in /etc must not fill the host's /run
//     hosts hostname resolv.conf
//     rootfs/                    the root, and on it the mounts
//     0 1 …                      those that belong in /dev or /sys, which only the runtime can reach
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/protocol/shim.hpp"
#include "services/garden/mounts/mount_points.hpp"
#include "services/garden/mounts/sources.hpp"

namespace concourse::garden {

// A mount that the OCI runtime makes.
struct RuntimeMount {
  std::string source, destination;
  bool writable = false;
};

class ContainerMounts {
 public:
  // Opens and checks the spec's root and sources, and makes the places of its mounts where they are missing, as `owner`. Needs
  // root. Throws Error(invalid), or SysError, beginning with "rootfs" or "bind mount source" and its path.
  ContainerMounts(const Paths& paths, const ContainerSpec& spec, Owner owner);
  ContainerMounts(const ContainerMounts&) = delete;
  ContainerMounts& operator=(const ContainerMounts&) = delete;

  // One of the container's own files in /etc: hosts, hostname or resolv.conf.
  void add_file(const std::string& name, const std::string& content);

  // What a disk limit is for; empty without one.
  const UniqueFd& volume() const { return root_.volume; }

  // For the shim: what it attaches, and the descriptors for that, borrowed.
  const std::vector<protocol::shim::Mount>& list() const { return list_; }
  std::vector<int> descriptors() const;

  // For the bundle of the container whose directory is `dir`.
  std::vector<RuntimeMount> runtime_mounts(const std::filesystem::path& dir) const;

 private:
  void add(const std::string& destination, bool writable, const UniqueFd& source, UniqueFd place);
  void add_bind_mount(const Paths& paths, const BindMount& mount);
  UniqueFd make_place(const std::string& name, bool is_directory);

  const Owner owner_;
  RootSource root_;
  UniqueFd tmpfs_;  // detached
  MountPoints points_;
  std::map<std::string, MountPoint> files_;  // places of those in /etc, by name
  std::vector<protocol::shim::Mount> list_;
  std::vector<int> pairs_;                // source, place; of what is in list_
  std::vector<UniqueFd> sources_, held_;  // copies of mounts; all other descriptors of pairs_
  std::vector<RuntimeMount> for_runtime_;
};

// The tmpfs of a container that an earlier version has made, with those files. Fine if there is none.
void unmount_etc_directory(const std::filesystem::path& path) noexcept;

}  // namespace concourse::garden
