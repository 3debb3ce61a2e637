#include "services/init/spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/os/container_user.hpp"
#include "common/os/user_directory.hpp"
#include "common/protocol/init_spec.hpp"
#include "services/init/program.hpp"

namespace concourse::init {

namespace {

using init_wire::Decoder;
using init_wire::Failure;

void fill(StartError& error, Failure failure, const char* format, va_list arguments) {
  error.failure = failure;
  std::vsnprintf(error.text, sizeof error.text, format, arguments);
}

bool refuse(StartError& error, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fill(error, Failure::other, format, arguments);
  va_end(arguments);
  return false;
}

// The child's way to say why it gives up.
class Child {
 public:
  Child(int error_pipe, int terminal, const Stdio& stdio) : error_pipe_(error_pipe), terminal_(terminal), stdio_(stdio) {}

  [[noreturn]] void run(const char* spec, std::size_t size) {
    reset_signals();
    ::setsid();
    Decoder d(spec, size);
    if (d.u32() != init_wire::kVersion) die(Failure::other, "process description of another version");
    const std::uint32_t flags = d.u32();
    const std::uint16_t columns = d.u16(), rows = d.u16();
    const char* path = d.text().data();
    const char* dir = d.text().data();
    const char* user_text = d.text().data();

    os::User& user = *new os::User;
    char why[init_wire::kTextSize];
    if (!os::look_up_user(user_text, user, why, sizeof why)) die(Failure::user_not_found, "%s", why);
    if ((flags & init_wire::kFlagTty) != 0) take_terminal(columns, rows, user);
    else take_pipes(user);

    Program program(path, user_text, user);
    program.read_arguments(d);
    program.read_environment(d);
    set_limits(d);
    if (!d.ok()) die(Failure::other, "process description is damaged");
    enter_directory(dir, user);
    become(user);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    program.execute();
    die(program.not_found() ? Failure::executable_not_found : Failure::other, "%s", program.error());
  }

 private:
  [[noreturn]] void die(Failure failure, const char* format, ...) {
    StartError error{};
    va_list arguments;
    va_start(arguments, format);
    fill(error, failure, format, arguments);
    va_end(arguments);
    (void)!::write(error_pipe_, &error, sizeof error);
    ::_exit(127);
  }

  static void reset_signals() {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  void take_terminal(std::uint16_t columns, std::uint16_t rows, const os::User& user) {
    const int slave = ::ioctl(terminal_, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) die(Failure::other, "open the terminal: %s", std::strerror(errno));
    winsize size{rows, columns, 0, 0};
    ::ioctl(slave, TIOCSWINSZ, &size);
    ::ioctl(slave, TIOCSCTTY, 0);
    (void)!::fchown(slave, user.uid, static_cast<gid_t>(-1));  // its group is devpts' choice
    for (int fd = 0; fd < 3; ++fd) ::dup2(slave, fd);
  }

  void take_pipes(const os::User& user) {
    const int ends[] = {stdio_.in, stdio_.out, stdio_.err};
    for (int fd = 0; fd < 3; ++fd) {
      // So that a non-root process may open /dev/stdout again.
      (void)!::fchown(ends[fd], user.uid, user.gid);
      if (::dup2(ends[fd], fd) < 0) die(Failure::other, "take its pipes: %s", std::strerror(errno));
    }
  }

  void set_limits(Decoder& d) {
    for (std::uint32_t n = d.u32(); d.ok() && n > 0; --n) {
      const std::uint32_t resource = d.u32();
      const rlim_t value = d.u64();
      const rlimit limit{value, value};
      if (d.ok() && ::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0)
        die(Failure::other, "set resource limit %u to %llu: %s", resource, static_cast<unsigned long long>(value),
            std::strerror(errno));
    }
  }

  // Makes what is missing of the working directory, each new part the user's own.
  void enter_directory(const char* dir, const os::User& user) {
    if (*dir == '\0') {
      if (::chdir(user.home) != 0) (void)!::chdir("/");
      return;
    }
    if (*dir != '/') die(Failure::other, "working directory '%s' is not an absolute path", dir);
    int error = ::chdir(dir) == 0 ? 0 : errno;
    if (error == ENOENT) error = os::enter_user_directory(dir, user.uid, user.gid);
    if (error != 0) die(Failure::other, "working directory '%s': %s", dir, std::strerror(error));
    char here[4096];
    // A path through a leaked descriptor would lead outside the root: then the kernel gives no absolute name.
    if (::syscall(SYS_getcwd, here, sizeof here) <= 0 || here[0] != '/')
      die(Failure::other, "working directory '%s' is outside the root", dir);
  }

  void become(const os::User& user) {
    if (::setgroups(user.group_count, user.groups) != 0) die(Failure::other, "set groups: %s", std::strerror(errno));
    if (::setresgid(user.gid, user.gid, user.gid) != 0) die(Failure::other, "become group %u: %s", user.gid, std::strerror(errno));
    if (::setresuid(user.uid, user.uid, user.uid) != 0) die(Failure::other, "become user %u: %s", user.uid, std::strerror(errno));
  }

  const int error_pipe_, terminal_;
  const Stdio stdio_;
};

}  // namespace

bool spawn(int spec_fd, const Stdio& stdio, const OomScore& score, Started& started, StartError& error) {
  struct stat st {};
  if (::fstat(spec_fd, &st) != 0 || st.st_size <= 0 || st.st_size > static_cast<off_t>(init_wire::kMaxSpec))
    return refuse(error, "process description has no proper size");
  const auto size = static_cast<std::size_t>(st.st_size);
  void* spec = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, spec_fd, 0);
  if (spec == MAP_FAILED) return refuse(error, "map the process description: %s", std::strerror(errno));

  Decoder peek(static_cast<const char*>(spec), size);
  peek.u32();
  const bool tty = (peek.u32() & init_wire::kFlagTty) != 0;
  int terminal = -1;
  int pipe_ends[2] = {-1, -1};
  if (tty && (terminal = ::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
    refuse(error, "make a terminal: %s", std::strerror(errno));
  else if (tty && ::ioctl(terminal, TIOCSPTLCK, "\0\0\0") != 0) refuse(error, "unlock the terminal: %s", std::strerror(errno));
  else if (::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) refuse(error, "make a pipe: %s", std::strerror(errno));
  else {
    const OomScore::Forking killed_first(score);
    started.pid = ::fork();
    if (started.pid == 0) Child(pipe_ends[1], terminal, stdio).run(static_cast<const char*>(spec), size);
  }
  if (started.pid < 0 && pipe_ends[1] >= 0) refuse(error, "fork: %s", std::strerror(errno));
  ::munmap(spec, size);
  if (pipe_ends[1] >= 0) ::close(pipe_ends[1]);
  if (started.pid < 0) {
    if (terminal >= 0) ::close(terminal);
    if (pipe_ends[0] >= 0) ::close(pipe_ends[0]);
    return false;
  }
  started.error_pipe = pipe_ends[0];
  started.terminal = terminal;
  return true;
}

}  // namespace concourse::init
