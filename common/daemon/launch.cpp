#include "common/daemon/launch.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::daemon {

namespace {

constexpr auto kExecLimit = std::chrono::seconds(30);  // a program on a file system that hangs
constexpr int kFirstListener = 3;                      // SD_LISTEN_FDS_START
constexpr std::string_view kListenPid = "LISTEN_PID=";

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Decimal digits without the C library's help: snprintf is not async-signal-safe.
void print_number(char* out, unsigned long n) noexcept {
  char digits[24];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + n % 10);
    n /= 10;
  } while (n > 0);
  while (count > 0) *out++ = digits[--count];
  *out = '\0';
}

// Everything the child needs, made before the fork.
struct Prepared {
  std::vector<std::string> argv, environment;
  std::vector<char*> argv_pointers, environment_pointers;
  std::vector<UniqueFd> sources;  // high copies, so that filling 3, 4, … never overwrites one
  char* listen_pid = nullptr;     // where the number goes
};

[[noreturn]] void become(const Prepared& p, int failure_pipe) noexcept {
  const auto give_up = [&] {
    const int error = errno;
    (void)!::write(failure_pipe, &error, sizeof error);
    _exit(127);
  };
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::setsid() < 0) give_up();
  if (::chdir("/") != 0) give_up();
  // Without CLOEXEC: it may be 0 already.
  const int null = ::open("/dev/null", O_RDONLY);  // NOLINT(android-cloexec-open)
  if (null < 0 || ::dup2(null, 0) < 0) give_up();
  int next = kFirstListener;
  for (const auto& source : p.sources)
    if (::dup2(source.get(), next++) < 0) give_up();
  // What we ourselves inherited from whoever started us may lack CLOEXEC.
  if (syscall(SYS_close_range, next, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up();
  print_number(p.listen_pid, static_cast<unsigned long>(::getpid()));
  ::execve(p.argv_pointers[0], p.argv_pointers.data(), p.environment_pointers.data());
  give_up();
  _exit(127);
}

Prepared prepare(const Launch& what) {
  Prepared p;
  p.argv = what.argv;
  p.environment = what.environment;
  std::vector<std::string> names;
  for (const auto& [name, fd] : what.listeners) {
    names.push_back(name);
    p.sources.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 100));
    if (!p.sources.back()) throw SysError("duplicate the listening socket '" + name + "'");
  }
  p.environment.push_back("LISTEN_FDS=" + std::to_string(names.size()));
  p.environment.push_back("LISTEN_FDNAMES=" + join(names, ":"));
  p.environment.push_back(std::string(kListenPid) + std::string(24, '\0'));
  p.listen_pid = p.environment.back().data() + kListenPid.size();
  p.argv_pointers = pointers(p.argv);
  p.environment_pointers = pointers(p.environment);
  return p;
}

}  // namespace

pid_t launch(const Launch& what) {
  const auto prepared = prepare(what);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw SysError("make a pipe");
  UniqueFd read_end(ends[0]), write_end(fcntl(ends[1], F_DUPFD_CLOEXEC, 100));
  ::close(ends[1]);
  if (!write_end) throw SysError("duplicate a pipe");

  // The C library has no fork that makes a sibling; a bare clone does all that `become` needs.
  const auto pid =
      what.sibling ? static_cast<pid_t>(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr)) : ::fork();
  if (pid < 0) throw SysError("start '" + what.argv.at(0) + "'");
  if (pid == 0) become(prepared, write_end.get());

  // The pipe closes at exec; before that it carries the errno of a failed step.
  write_end.reset();
  int error = 0;
  ssize_t n = 0;
  if (!os::wait_for(read_end.get(), POLLIN, Deadline::in(kExecLimit))) {
    ::kill(pid, SIGKILL);
    error = ETIMEDOUT;
  } else {
    while ((n = ::read(read_end.get(), &error, sizeof error)) < 0 && errno == EINTR) {
    }
    if (n != static_cast<ssize_t>(sizeof error)) return pid;
  }
  while (!what.sibling && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  throw SysError("start '" + what.argv.at(0) + "'", error);
}

}  // namespace concourse::daemon
