// A process that is put into another cgroup waits for an RCU grace period (6 ms) if none was put anywhere just before: the OCI
// runtime does that with the container's init. Begun when the creation begins, the wait is over by then.
#pragma once

#include <filesystem>
#include <future>
#include <optional>
#include <string_view>

namespace concourse::garden {

// The cgroup.procs file that has this process in it, in any hierarchy. `own_cgroups`: the text of /proc/self/cgroup.
std::optional<std::filesystem::path> own_cgroup_procs(std::string_view own_cgroups);

// Puts this process where it is already, on a thread of its own; the kernel waits all the same. It can't fail: it saves time or
// doesn't. The future's end waits for it.
[[nodiscard]] std::future<void> begin_cgroup_move(const std::filesystem::path& own_procs);

}  // namespace concourse::garden
