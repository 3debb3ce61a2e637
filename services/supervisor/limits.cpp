#include "services/supervisor/limits.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "common/daemon/log.hpp"

namespace concourse::supervisor {

void raise_limits() {
  constexpr rlim_t kWanted = 65536;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  rlimit wanted = limit;
  wanted.rlim_cur = kWanted;
  wanted.rlim_max = std::max(limit.rlim_max, kWanted);
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  wanted.rlim_max = limit.rlim_max;
  wanted.rlim_cur = std::min(kWanted, limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &wanted) != 0 || wanted.rlim_cur < kWanted)
    log::debug("limit of open files is low", {{"limit", static_cast<std::uint64_t>(wanted.rlim_cur)}});
}

}  // namespace concourse::supervisor
