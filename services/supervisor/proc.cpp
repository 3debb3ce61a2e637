#include "services/supervisor/proc.hpp"

#include <filesystem>
#include <sstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::supervisor {

namespace {

std::string read(pid_t pid, const char* name) {
  try {
    return os::read_file("/proc/" + std::to_string(pid) + "/" + name).value_or("");
  } catch (const Error&) {
    return "";  // it has ended between open and read (ESRCH)
  }
}

std::vector<std::string> texts(std::string zero_terminated) {
  if (zero_terminated.ends_with('\0')) zero_terminated.pop_back();
  return split(zero_terminated, '\0');
}

}  // namespace

std::vector<pid_t> process_ids() {
  std::vector<pid_t> ids;
  for (const auto& name : os::list_directory("/proc"))
    if (const auto id = parse_u64(name)) ids.push_back(static_cast<pid_t>(*id));
  return ids;
}

std::string process_name(pid_t pid) { return std::string(trim(read(pid, "comm"))); }
std::vector<std::string> process_command(pid_t pid) { return texts(read(pid, "cmdline")); }
std::vector<std::string> process_environment(pid_t pid) { return texts(read(pid, "environ")); }

std::optional<uid_t> effective_user(pid_t pid) {
  std::istringstream lines(read(pid, "status"));  // "Uid:	real	effective	saved	file system"
  std::string line, name;
  uid_t real = 0, effective = 0;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    if (fields >> name && name == "Uid:" && fields >> real >> effective) return effective;
  }
  return std::nullopt;
}

bool program_was_replaced(pid_t pid) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", error).string();
  return !error && target.ends_with(" (deleted)");
}

}  // namespace concourse::supervisor
