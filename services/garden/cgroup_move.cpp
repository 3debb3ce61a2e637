#include "services/garden/cgroup_move.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "services/garden/beside.hpp"

namespace concourse::garden {

namespace {

namespace fs = std::filesystem;

// What the mount may show is another's view of the tree (a cgroup namespace): only what names us is ours.
bool has_this_process(const fs::path& procs) {
  const auto pids = split(os::read_file(procs).value_or(""), '\n');
  return std::find(pids.begin(), pids.end(), std::to_string(::getpid())) != pids.end() && ::access(procs.c_str(), W_OK) == 0;
}

}  // namespace

std::optional<fs::path> own_cgroup_procs(std::string_view own_cgroups) {
  for (const auto& line : split(std::string(own_cgroups), '\n')) {  // number:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto controllers = line.substr(first + 1, second - first - 1);
    if (controllers.starts_with("name=")) controllers.erase(0, 5);
    const auto path = line.substr(second + 1) + "/cgroup.procs";
    if (auto procs = fs::path("/sys/fs/cgroup/" + controllers + path); has_this_process(procs)) return procs;
  }
  return std::nullopt;
}

std::future<void> begin_cgroup_move(const fs::path& own_procs) {
  return beside([own_procs] {
    try {
      os::write_kernel_file(own_procs, std::to_string(::getpid()));
    } catch (const std::exception&) {  // then the OCI runtime waits
    }
  });
}

}  // namespace concourse::garden
