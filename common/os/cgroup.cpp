#include "common/os/cgroup.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <sstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::os {

namespace {

namespace fs = std::filesystem;

// Children first. False while a process is in the way; all that are there have been killed then.
bool remove_cgroup(const fs::path& dir) {
  std::error_code ignored;  // somebody else may be removing the same
  for (fs::directory_iterator at(dir, ignored), end; at != end; at.increment(ignored))
    if (at->is_directory(ignored) && !remove_cgroup(at->path())) return false;
  if (::rmdir(dir.c_str()) == 0 || errno == ENOENT) return true;
  if (errno != EBUSY) throw SysError("remove the cgroup '" + dir.string() + "'");
  std::istringstream pids(read_file(dir / "cgroup.procs").value_or(""));
  for (pid_t pid = 0; pids >> pid;)
    if (pid > 0) ::kill(pid, SIGKILL);  // 0: it is in a pid namespace that isn't ours
  return false;
}

}  // namespace

std::filesystem::path Cgroup::file(const char* controller, const char* name) const {
  return unified_ ? mounts_ / path_.substr(1) / name : mounts_ / controller / path_.substr(1) / name;
}

std::uint64_t Cgroup::number(const char* controller, const char* name) const {
  // "max", and a file that isn't there, are 0.
  return parse_u64(trim(read_file(file(controller, name), 4096).value_or(""))).value_or(0);
}

std::map<std::string, std::uint64_t> Cgroup::table(const char* controller, const char* name) const {
  std::map<std::string, std::uint64_t> values;
  std::istringstream lines(read_file(file(controller, name), 1 << 16).value_or(""));
  std::string key;
  std::uint64_t value = 0;
  while (lines >> key >> value) values[key] = value;
  return values;
}

std::map<std::string, std::uint64_t> Cgroup::memory_stat() const { return table("memory", "memory.stat"); }
std::uint64_t Cgroup::memory_peak() const { return number("memory", unified_ ? "memory.peak" : "memory.max_usage_in_bytes"); }
std::uint64_t Cgroup::oom_kills() const { return table("memory", unified_ ? "memory.events" : "memory.oom_control")["oom_kill"]; }

std::optional<UniqueFd> Cgroup::oom_event() const {
  if (unified_) {
    UniqueFd fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd || inotify_add_watch(fd.get(), file("memory", "memory.events").c_str(), IN_MODIFY) < 0) return std::nullopt;
    return fd;
  }
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const UniqueFd control(::open(file("memory", "memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd registration(::open(file("memory", "cgroup.event_control").c_str(), O_WRONLY | O_CLOEXEC));
  if (!event || !control || !registration) return std::nullopt;
  const auto text = std::to_string(event.get()) + " " + std::to_string(control.get());
  if (::write(registration.get(), text.data(), text.size()) < 0) return std::nullopt;
  return event;
}

std::uint64_t Cgroup::cpu_usage_ns() const {
  return unified_ ? table("cpu", "cpu.stat")["usage_usec"] * 1000 : number("cpuacct", "cpuacct.usage");
}

std::uint64_t Cgroup::cpu_user_ns() const {
  if (unified_) return table("cpu", "cpu.stat")["user_usec"] * 1000;
  return table("cpuacct", "cpuacct.stat")["user"] * (1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
}

std::uint64_t Cgroup::cpu_system_ns() const {
  if (unified_) return table("cpu", "cpu.stat")["system_usec"] * 1000;
  return table("cpuacct", "cpuacct.stat")["system"] * (1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
}

void Cgroup::remove(Deadline deadline) const {
  std::vector<fs::path> dirs = {mounts_ / path_.substr(1)};
  if (!unified_)
    for (const auto& hierarchy : list_directory(mounts_)) dirs.push_back(mounts_ / hierarchy / path_.substr(1));
  for (const auto& dir : dirs)
    while (!remove_cgroup(dir)) {
      if (deadline.passed())
        throw Error(ErrorKind::timeout, "the cgroup '" + dir.string() + "' does not become empty within " + deadline.limit());
      ::poll(nullptr, 0, 5);  // the kernel tells nobody when a killed process has left
    }
}

std::uint64_t Cgroup::pids_current() const { return number("pids", "pids.current"); }
std::uint64_t Cgroup::pids_max() const { return number("pids", "pids.max"); }

}  // namespace concourse::os
