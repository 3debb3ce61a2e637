#include "services/baggageclaim/drivers/deleted_qgroups.hpp"

#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include <cerrno>

namespace concourse::baggageclaim {

void DeletedQgroups::remove(int fd, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  ids_.push_back(id);
  std::erase_if(ids_, [fd](std::uint64_t deleted) {
    btrfs_ioctl_qgroup_create_args arguments{};
    arguments.create = 0;
    arguments.qgroupid = deleted;
    // Anything else says that it is gone, or that there are no quotas.
    return ::ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &arguments) == 0 || errno != EBUSY;
  });
}

}  // namespace concourse::baggageclaim
