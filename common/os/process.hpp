// Child processes held by a pidfd: no pid is ever signalled after it could have been reused.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::os {

// How a child ended, in the shell's numbers: its exit status, or 128 + signal.
struct ExitStatus {
  int code = 0;
  int signal = 0;  // 0: it exited by itself
  std::string text() const;
};

struct SpawnOptions {
  std::vector<std::string> argv;                // argv[0] is the program; looked up in PATH when it has no slash
  std::optional<std::vector<std::string>> env;  // nothing: ours
  std::vector<std::pair<int, int>> fds;         // {ours, number in the child}; everything behind them is closed
  bool new_session = false;                     // setsid(2)
  std::string working_dir;                      // empty: ours
};

// An owned child: dropping it kills and reaps it. Not for several threads at once.
class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&& other) noexcept;
  ~Child();

  // posix_spawn(3): safe in a process with threads. Signal mask and dispositions are reset in the child; fds 0-2 that are
  // not given become /dev/null for 0 and stay ours for 1 and 2.
  static Child spawn(const SpawnOptions& options);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when it has ended
  bool running() const { return pid_ > 0; }

  void signal(int number) const;                      // a child that has ended already is fine
  std::optional<ExitStatus> wait(Deadline deadline);  // reaps; nothing when the deadline passed first
  void detach();                                      // give it up: it is not killed when we are dropped

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

struct RunResult {
  ExitStatus status;
  std::string output;  // stdout and stderr together, its first 64 KiB
};

// Runs a program to its end; kills it at the deadline and throws Error(timeout). `program ... failed` is not an error here.
RunResult run_program(const std::vector<std::string>& argv, Deadline deadline);

UniqueFd open_pidfd(pid_t pid);  // throws SysError(ESRCH)

}  // namespace concourse::os
