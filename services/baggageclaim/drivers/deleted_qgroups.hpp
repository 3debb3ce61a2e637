// The quota groups of subvolumes that were deleted. A kernel keeps them: some always, others as long as what was written there is
// used by a snapshot or isn't yet removed from the disk. Where quotas are on (Garden's disk limits, or an operator), they would
// pile up with the volumes.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace concourse::baggageclaim {

class DeletedQgroups {  // thread-safe
 public:
  // Removes the group of subvolume `id`, which has been deleted, and those that earlier calls couldn't, as far as the kernel lets
  // us by now; the rest is for the next call. Costs a system call for each; without quotas one. `fd` is on the file system.
  void remove(int fd, std::uint64_t id);

 private:
  std::mutex mutex_;
  std::vector<std::uint64_t> ids_;
};

}  // namespace concourse::baggageclaim
