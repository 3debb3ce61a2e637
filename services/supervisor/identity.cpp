#include "services/supervisor/identity.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

#include "common/base/strings.hpp"
#include "services/supervisor/proc.hpp"

namespace concourse::supervisor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCommLength = 15;  // what the kernel keeps of a program's name

bool same_file(const fs::path& one, const fs::path& other) {
  struct stat a {
  }, b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// "/usr/bin/python3" of "#!/usr/bin/python3"; empty for a program that is none.
std::string interpreter_of(const fs::path& program) {
  std::ifstream file(program);
  std::string line;
  if (!std::getline(file, line) || !line.starts_with("#!")) return "";
  return split(std::string(trim(line.substr(2))), ' ').front();
}

bool runs(pid_t pid, const fs::path& program) {
  const auto exe = fs::path("/proc") / std::to_string(pid) / "exe";
  if (same_file(exe, program)) return true;
  if (const auto interpreter = interpreter_of(program); !interpreter.empty()) {
    const auto command = process_command(pid);
    return same_file(exe, interpreter) && command.size() > 1 && fs::path(command[1]).filename() == program.filename();
  }
  std::error_code error;
  auto path = fs::read_symlink(exe, error).string();
  constexpr std::string_view kReplaced = " (deleted)";
  if (path.ends_with(kReplaced)) path.resize(path.size() - kReplaced.size());
  return !error && fs::path(path).filename() == program.filename();
}

}  // namespace

bool runs_as_us(pid_t pid, const fs::path& program) {
  const auto proc = fs::path("/proc") / std::to_string(pid);
  if (!same_file(proc / "ns/pid", "/proc/self/ns/pid") || !same_file(proc / "ns/user", "/proc/self/ns/user")) return false;
  return effective_user(pid) == ::geteuid() && runs(pid, program);
}

bool is_service_of(pid_t pid, const fs::path& program, const std::string& variable) {
  // The name first: it is what most processes are told apart by, cheaply.
  if (process_name(pid) != program.filename().string().substr(0, kCommLength) || !runs_as_us(pid, program)) return false;
  const auto environment = process_environment(pid);
  return std::find(environment.begin(), environment.end(), variable) != environment.end();
}

std::vector<pid_t> services_of(const fs::path& program, const std::string& variable) {
  auto found = process_ids();
  std::erase_if(found, [&](pid_t pid) { return !is_service_of(pid, program, variable); });
  return found;
}

}  // namespace concourse::supervisor
