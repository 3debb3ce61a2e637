// Who else uses a file system that we have mounted: containers keep it in mount namespaces of their own, where unmounting ours
// doesn't show.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "services/baggageclaim/disk/mount_table.hpp"

namespace concourse::baggageclaim {

// The mounts of all mount namespaces but ours, as far as a process is in one. A snapshot: whoever asks makes sure that no
// container starts meanwhile.
class MountUsers {
 public:
  // With `device` only those that show that one. Throws SysError if a namespace can't be looked into.
  static MountUsers look(std::optional<dev_t> device = std::nullopt);
  explicit MountUsers(const std::vector<Mount>& elsewhere);

  // Whether the file system that `ours` shows stays mounted somewhere when `ours` goes. Copies that go with it don't count: those
  // that the kernel keeps in namespaces which follow ours.
  bool keep(const Mount& ours) const;
  bool none() const { return by_device_.empty(); }

 private:
  std::map<dev_t, std::vector<Mount>> by_device_;
};

// Whether the file system visible at the mount point `point` is used in another mount namespace.
bool is_used_elsewhere(const std::filesystem::path& point);

}  // namespace concourse::baggageclaim
