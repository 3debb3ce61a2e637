#include "services/garden/shim_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <set>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "common/os/unix_socket.hpp"
#include "common/protocol/shim.hpp"
#include "services/garden/errors.hpp"

namespace concourse::garden {

namespace {

namespace wire = concourse::protocol::shim;

std::filesystem::path pid_file(const std::filesystem::path& dir) { return dir / "shim.pid"; }

// `process_id`: whom the question was about.
Json checked(const std::string& body, const std::string& process_id = "") {
  Json answer = parse_json(body);
  if (bool_field(answer, "ok")) return answer;
  const auto kind = string_field(answer, "kind");
  const auto error = string_field(answer, "error", "the shim refused without a reason");
  if (kind == wire::kExecutableNotFound) throw TypedError::executable_not_found(error);
  if (kind == wire::kProcessNotFound) throw TypedError::process_not_found(process_id);
  throw Error(kind == wire::kConflict ? ErrorKind::conflict : ErrorKind::internal, error);
}

// Kills that process and waits for its end, if the container's directory is one of its arguments: the number may belong to
// somebody else by now.
void kill_user_of(const std::filesystem::path& dir, std::uint64_t pid, Deadline deadline) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!pidfd) return;
  // Read after the pidfd was opened. Any process may have a long command line, or end at any moment.
  const UniqueFd file(::open(("/proc/" + std::to_string(pid) + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[16384];
  const auto size = file ? ::read(file.get(), buffer, sizeof buffer) : 0;
  const std::string_view command(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (command.find('\0' + dir.string() + '\0') == std::string::npos) return;
  syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  os::wait_for(pidfd.get(), POLLIN, deadline);
}

std::mutex mutex;       // guards shims
std::set<pid_t> shims;  // started by this process and not reaped

}  // namespace

void reap_shims() {
  const std::lock_guard lock(mutex);
  std::erase_if(shims, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

Started ShimClient::start(const std::string& shim, int sealed_runtime, const std::vector<int>& mounts, Deadline deadline) const {
  const auto listener = os::listen_unix(wire::socket_path(dir_));
  auto [ours, theirs] = os::socket_pair(SOCK_STREAM);
  // A file, not our own stdout: who reads that to its end must not wait for containers.
  const auto log = os::open_file(dir_ / "shim.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::vector<std::pair<int, int>> fds = {
      {log.get(), 1}, {log.get(), 2}, {listener.get(), wire::kListenerFd}, {theirs.get(), wire::kReportFd}};
  if (sealed_runtime >= 0) fds.emplace_back(sealed_runtime, wire::kRuntimeFd);
  for (int number = wire::kMountsFd; const int fd : mounts) fds.emplace_back(fd, number++);
  auto child =
      os::Child::spawn({.argv = {shim, dir_.string()},
                        .env = std::vector<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                        .fds = fds,
                        .new_session = true,
                        .working_dir = "/"});
  ScopeExit give_up([&] { child.signal(SIGKILL); });  // and its owner reaps it
  theirs.reset();
  os::replace_file(pid_file(dir_), std::to_string(child.pid()), 0600);
  auto report = os::receive_frame(ours.get(), deadline);
  if (!report)
    throw Error(ErrorKind::internal, "the shim ended: " + std::string(trim(os::read_file(dir_ / "shim.log").value_or(""))));
  const Json answer = checked(report->body);
  if (report->fds.size() != 1) throw Error(ErrorKind::internal, "the shim sent no network namespace");
  Started started{static_cast<int>(int_field(answer, "pid")), std::move(report->fds[0])};
  const std::lock_guard lock(mutex);
  shims.insert(child.pid());
  give_up.dismiss();
  child.detach();
  return started;
}

Json ShimClient::ask(const Json& question, const std::string& raw, const std::vector<int>& fds, Deadline deadline) const {
  const auto answer = os::call_unix(wire::socket_path(dir_), dump_json(question) + "\n" + raw, fds, deadline);
  return checked(answer.body, string_field(question, "process_id"));
}

void ShimClient::run(const Json& process_spec, const UniqueFd& connection, const std::string& leftover, Deadline deadline) const {
  ask({{"question", wire::kRun}, {"process", process_spec}, {"request", log::current_request()}}, leftover, {connection.get()},
      deadline);
}

void ShimClient::attach(const std::string& process_id, const UniqueFd& connection, const std::string& leftover,
                        Deadline deadline) const {
  ask({{"question", wire::kAttach}, {"process_id", process_id}}, leftover, {connection.get()}, deadline);
}

void ShimClient::output(const std::string& stream_id, const std::string& stream, const UniqueFd& connection,
                        Deadline deadline) const {
  ask({{"question", wire::kOutput}, {"stream_id", stream_id}, {"stream", stream}}, "", {connection.get()}, deadline);
}

void ShimClient::stop(bool kill, Deadline deadline) const { ask({{"question", wire::kStop}, {"kill", kill}}, "", {}, deadline); }
Json ShimClient::destroy(Deadline deadline) const { return ask({{"question", wire::kDestroy}}, "", {}, deadline); }
Json ShimClient::status(Deadline deadline) const { return ask({{"question", wire::kStatus}}, "", {}, deadline); }

UniqueFd ShimClient::init_proc(Deadline deadline) const {
  auto answer = os::call_unix(wire::socket_path(dir_), dump_json({{"question", wire::kInit}}) + "\n", {}, deadline);
  checked(answer.body);
  if (answer.fds.size() != 1) throw Error(ErrorKind::internal, "the shim didn't show its container's init");
  return std::move(answer.fds[0]);
}

void ShimClient::kill(Deadline deadline) const {
  if (const auto pid = parse_u64(trim(os::read_file(pid_file(dir_), 64).value_or("")))) kill_user_of(dir_, *pid, deadline);
}

void ShimClient::kill_runtime(Deadline deadline) const {
  for (const auto& entry : os::list_directory("/proc"))
    if (const auto pid = parse_u64(entry)) kill_user_of(dir_, *pid, deadline);
}

}  // namespace concourse::garden
