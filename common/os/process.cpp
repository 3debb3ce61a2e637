#include "common/os/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::os {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

std::string ExitStatus::text() const {
  return signal != 0 ? "killed by signal " + std::to_string(signal) : "exit status " + std::to_string(code);
}

UniqueFd open_pidfd(pid_t pid) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // CLOEXEC by definition
  if (!fd) throw SysError("open a pidfd of process " + std::to_string(pid));
  return fd;
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    this->~Child();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void Child::detach() {
  pid_ = -1;
  pidfd_.reset();
}

Child Child::spawn(const SpawnOptions& options) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  ScopeExit destroy([&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  });

  // Targets are filled from private high copies, so that a source is never overwritten before its turn.
  std::vector<UniqueFd> copies;
  bool stdin_given = false;
  int first_free = 3;
  for (const auto& [ours, theirs] : options.fds) {
    copies.emplace_back(fcntl(ours, F_DUPFD_CLOEXEC, 100));
    if (!copies.back()) throw SysError("duplicate a descriptor for '" + options.argv.at(0) + "'");
    posix_spawn_file_actions_adddup2(&actions, copies.back().get(), theirs);
    stdin_given |= theirs == 0;
    first_free = std::max(first_free, theirs + 1);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, first_free);  // a library may have forgotten CLOEXEC
  if (!stdin_given) posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (!options.working_dir.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.working_dir.c_str());

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                           (options.new_session ? POSIX_SPAWN_SETSID : 0)));

  const auto argv = pointers(options.argv);
  std::vector<char*> env;
  if (options.env) env = pointers(*options.env);
  Child child;
  const int error = posix_spawnp(&child.pid_, argv[0], &actions, &attributes, argv.data(), options.env ? env.data() : environ);
  if (error != 0) {
    child.pid_ = -1;
    throw SysError("start '" + options.argv.at(0) + "'", error);
  }
  child.pidfd_ = open_pidfd(child.pid_);  // it is our unreaped child: the pid can't have been reused
  return child;
}

void Child::signal(int number) const {
  if (pid_ <= 0) return;
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    throw SysError("send signal " + std::to_string(number) + " to process " + std::to_string(pid_));
}

std::optional<ExitStatus> Child::wait(Deadline deadline) {
  if (!wait_for(pidfd_.get(), POLLIN, deadline)) return std::nullopt;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0)
    if (errno != EINTR) throw SysError("wait for process " + std::to_string(pid_));
  detach();
  if (WIFSIGNALED(status)) return ExitStatus{128 + WTERMSIG(status), WTERMSIG(status)};
  return ExitStatus{WEXITSTATUS(status), 0};
}

RunResult run_program(const std::vector<std::string>& argv, Deadline deadline) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) throw SysError("make a pipe");
  UniqueFd read_end(pipe_fds[0]), write_end(pipe_fds[1]);
  auto child = Child::spawn({.argv = argv, .env = {}, .fds = {{write_end.get(), 1}, {write_end.get(), 2}}, .working_dir = {}});
  write_end.reset();

  RunResult result;
  char buffer[4096];
  for (;;) {
    if (!wait_for(read_end.get(), POLLIN, deadline))
      throw Error(ErrorKind::timeout, "'" + argv.at(0) + "' took longer than " + deadline.limit() + "; killed");
    const ssize_t n = ::read(read_end.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (result.output.size() < (64 << 10)) result.output.append(buffer, static_cast<std::size_t>(n));
  }
  const auto status = child.wait(deadline);
  if (!status) throw Error(ErrorKind::timeout, "'" + argv.at(0) + "' took longer than " + deadline.limit() + "; killed");
  result.status = *status;
  return result;
}

}  // namespace concourse::os
