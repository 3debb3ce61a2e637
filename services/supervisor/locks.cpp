#include "services/supervisor/locks.hpp"

#include <string>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::supervisor {

namespace {

UniqueFd lock(const std::filesystem::path& directory, const std::string& flag) {
  os::make_directories(directory);
  const auto path = directory / "lock";
  if (auto held = os::try_lock_file(path)) return std::move(*held);
  const auto content = os::read_file(path).value_or("");
  const auto holder = std::string(trim(content));
  throw Error(ErrorKind::conflict, "another worker (process " + (holder.empty() ? "unknown" : holder) + ") uses '" +
                                       directory.string() + "'; stop it, or give this one another " + flag);
}

}  // namespace

std::vector<UniqueFd> lock_directories(const std::filesystem::path& runtime_dir, const std::filesystem::path& work_dir) {
  std::vector<UniqueFd> locks;
  locks.push_back(lock(runtime_dir, "--runtime-dir"));
  locks.push_back(lock(work_dir, "--work-dir"));
  return locks;
}

}  // namespace concourse::supervisor
