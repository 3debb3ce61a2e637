#include "services/nstar/enter.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/user_directory.hpp"

namespace concourse::nstar {

namespace {

UniqueFd open_in(int directory, const char* name, int flags) {
  UniqueFd fd(::openat(directory, name, flags | O_CLOEXEC));
  if (!fd) throw SysError(std::string("open the container's '") + name + "'");
  return fd;
}

bool same_file(int a, const char* path) {
  struct stat one {};
  struct stat other {};
  return ::fstat(a, &one) == 0 && ::stat(path, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Linux keeps what a process can ever get in a mask of 64 bits: here the init's.
std::uint64_t bounding_set(int proc) {
  const auto status = open_in(proc, "status", O_RDONLY);
  std::string text(16 << 10, '\0');
  const auto n = ::read(status.get(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  for (const auto& line : split(text, '\n'))
    if (line.starts_with("CapBnd:")) return std::stoull(std::string(trim(line.substr(7))), nullptr, 16);
  throw Error(ErrorKind::internal, "the container's init shows no capabilities");
}

void become_root() {
  if (::setgroups(0, nullptr) != 0) throw SysError("set groups");
  if (::setresgid(0, 0, 0) != 0) throw SysError("become the container's root group");
  if (::setresuid(0, 0, 0) != 0) throw SysError("become the container's root");
}

std::uint64_t allowed_capabilities = 0;

void limit_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) throw SysError("read capabilities");
  for (int word = 0; word < 2; ++word) {
    data[word].permitted &= static_cast<std::uint32_t>(allowed_capabilities >> (32 * word));
    data[word].effective = data[word].permitted;
    data[word].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0) throw SysError("limit capabilities");
}

void forbid_new_code() {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) throw Error(ErrorKind::internal, "make a seccomp filter: out of memory");
  const auto code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
  int failed = 0;
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(pkey_mprotect)})
    failed |= seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EACCES), call, 1, code);
  // The last five: our root is chroot's, which holds only those who can't call it again.
  for (const int call : {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(chroot), SCMP_SYS(pivot_root),
                         SCMP_SYS(mount), SCMP_SYS(setns), SCMP_SYS(unshare)})
    failed |= seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EACCES), call, 0);
  if (failed != 0 || seccomp_load(filter.get()) != 0) throw Error(ErrorKind::internal, "load a seccomp filter");
}

}  // namespace

os::User enter_container(int proc, const std::string& user) {
  const auto user_namespace = open_in(proc, "ns/user", O_RDONLY);
  const auto root = open_in(proc, "root", O_PATH | O_DIRECTORY);
  allowed_capabilities = bounding_set(proc);
  // A privileged container lives in the user namespace that we are in already, which can't be entered again.
  if (!same_file(user_namespace.get(), "/proc/self/ns/user") && ::setns(user_namespace.get(), CLONE_NEWUSER) != 0)
    throw SysError("enter the container's user namespace");
  if (::fchdir(root.get()) != 0 || ::chroot(".") != 0) throw SysError("enter the container's root");
  ::close(proc);  // nothing outside the root stays open
  become_root();

  const auto found = std::make_unique<os::User>();
  char why[256];
  if (!os::look_up_user(user.c_str(), *found, why, sizeof why)) throw Error(ErrorKind::invalid, why);
  if (::chdir(found->home) != 0 && ::chdir("/") != 0) throw SysError("enter '/'");
  return *found;
}

void become(const os::User& user) {
  ::umask(022);
  if (::setgroups(user.group_count, user.groups) != 0) throw SysError("set groups");
  if (::setresgid(user.gid, user.gid, user.gid) != 0) throw SysError("become group " + std::to_string(user.gid));
  if (::setresuid(user.uid, user.uid, user.uid) != 0) throw SysError("become user " + std::to_string(user.uid));
  limit_capabilities();
  // Nobody is there to take what is read or to give more. After the change of ids, which takes this setting back.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw SysError("prctl");
  forbid_new_code();
}

void make_and_enter(const std::string& path, const os::User& user) {
  if (path.empty() || ::chdir(path.c_str()) == 0) return;
  const int error = errno == ENOENT ? os::enter_user_directory(path.c_str(), user.uid, user.gid) : errno;
  if (error != 0) throw SysError("enter '" + path + "'", error);
}

}  // namespace concourse::nstar
