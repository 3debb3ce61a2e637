// Which view a volume has, given its `privileged` flag and the server's settings.
#pragma once

#include <cstdint>
#include <optional>

#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

struct IdPolicy {
  std::optional<std::uint32_t> max;  // nothing: ids aren't mapped at all (--disable-user-namespaces, or none in the kernel)
  // False with --containerd-privileged-mode fuse-only or ignore: privileged containers then have a user namespace too.
  bool privileged_is_host_root = true;

  IdView view(bool privileged) const {
    if (!max) return IdView::plain();
    return privileged && privileged_is_host_root ? IdView::privileged(*max) : IdView::unprivileged(*max);
  }
};

}  // namespace concourse::baggageclaim
