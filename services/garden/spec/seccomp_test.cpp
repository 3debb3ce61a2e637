#include "services/garden/spec/seccomp.hpp"

#include <doctest/doctest.h>
#include <linux/btrfs.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <set>
#include <string>

#include "common/base/error.hpp"
#include "services/garden/spec/seccomp_program.hpp"

using namespace concourse;
using namespace concourse::garden;

namespace {

std::set<std::string> allowed(const Json& seccomp) {
  std::set<std::string> out;
  for (const auto& name : seccomp["syscalls"][0]["names"]) out.insert(name.get<std::string>());
  return out;
}

// The profile as the kernel has it from an OCI runtime, in force for this process and for good.
bool enforce(const Json& profile) {
  auto program = seccomp_program(profile);
  const sock_fprog filter{static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                          reinterpret_cast<sock_filter*>(program.data())};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

// Without the sanitizers' last words, which the profile might forbid.
[[noreturn]] void leave(int status) {
  for (;;) ::syscall(SYS_exit_group, status);
}

// What a call gives under the profile: 0, or its errno. It is made in a process of its own.
int outcome(const Json& profile, const std::function<long()>& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enforce(profile)) leave(255);
    errno = 0;
    leave(call() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// clone(2) with these flags; the child ends at once.
long clone_with(unsigned long flags) {
  const long pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) leave(0);
  return pid;
}

}  // namespace

TEST_CASE("seccomp: ordinary calls pass, those that reach beyond a container don't") {
  const auto profile = default_seccomp();
  CHECK(profile["defaultAction"] == "SCMP_ACT_ERRNO");
  const auto names = allowed(profile);
  CHECK(names.size() > 330);
  for (const char* name : {"read", "openat2", "execveat", "ptrace", "chroot", "socket", "rseq", "landlock_create_ruleset",
                           "pidfd_open", "mknod", "time"})
    CHECK_MESSAGE(names.contains(name), name);
  for (const char* name :
       {"mount", "unshare", "setns", "bpf", "keyctl", "kexec_load", "init_module", "open_by_handle_at", "userfaultfd",
        "io_uring_setup", "clone", "clone3", "personality", "perf_event_open", "pivot_root", "reboot"})
    CHECK_FALSE_MESSAGE(names.contains(name), name);
  const auto fuse = allowed(fuse_seccomp());
  for (const char* name : {"mount", "unshare", "clone", "pivot_root"}) CHECK_MESSAGE(fuse.contains(name), name);
  for (const char* name : {"setns", "bpf", "reboot"}) CHECK_FALSE_MESSAGE(fuse.contains(name), name);
}

TEST_CASE("seccomp: what the kernel makes of it") {
  const auto profile = default_seccomp();
  const auto result = [&](const std::function<long()>& call) { return outcome(profile, call); };
  CHECK(result([] { return ::syscall(SYS_getpid); }) == 0);
  CHECK(result([] { return ::syscall(SYS_rseq, nullptr, 0, 0, 0); }) == EINVAL);  // reaches the kernel
  CHECK(result([] { return ::syscall(SYS_ptrace, 0xffff, -1, nullptr, nullptr); }) == ESRCH);
  CHECK(result([] { return clone_with(0); }) == 0);
  for (const unsigned long flag : {CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET})
    CHECK_MESSAGE(result([flag] { return clone_with(flag); }) == EPERM, flag);
  CHECK(result([] { return ::syscall(SYS_clone3, nullptr, 0); }) == ENOSYS);
  CHECK(result([] { return ::syscall(SYS_personality, PER_LINUX); }) == 0);
  CHECK(result([] { return ::syscall(SYS_personality, 0xffffffff); }) == 0);
  CHECK(result([] { return ::syscall(SYS_personality, ADDR_NO_RANDOMIZE); }) == EPERM);
  for (const long number :
       {SYS_mount, SYS_unshare, SYS_setns, SYS_bpf, SYS_keyctl, SYS_userfaultfd, SYS_open_by_handle_at, SYS_fsopen,
        SYS_io_uring_setup, SYS_perf_event_open, SYS_process_vm_readv, SYS_pivot_root, SYS_sethostname})
    CHECK_MESSAGE(result([number] { return ::syscall(number, -1, -1, -1, -1, -1); }) == EPERM, number);
  // statmount, listmount, mseal, the *xattrat family, open_tree_attr, and what no kernel has: nobody has judged them.
  for (const long number : {457, 458, 462, 463, 464, 467, 900})
    CHECK_MESSAGE(result([number] { return ::syscall(number, 0, 0, 0, 0); }) == EPERM, number);
}

TEST_CASE("seccomp: the fuse profile allows mounts and namespaces, but no foreign ones") {
  const auto profile = fuse_seccomp();
  const auto result = [&](const std::function<long()>& call) { return outcome(profile, call); };
  CHECK(result([] { return ::syscall(SYS_umount2, "/nowhere/at/all", 0); }) == ENOENT);
  CHECK(result([] { return ::syscall(SYS_unshare, 0); }) == 0);
  CHECK(result([] { return ::syscall(SYS_setns, -1, CLONE_NEWNS); }) == EBADF);
  for (const int type : {0, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET})
    CHECK_MESSAGE(result([type] { return ::syscall(SYS_setns, -1, type); }) == EPERM, type);
  CHECK(result([] { return ::syscall(SYS_bpf, -1, 0, 0); }) == EPERM);
}

TEST_CASE("seccomp: without subvolumes, every other request to a descriptor passes") {
  for (const auto& profile : {without_subvolumes(default_seccomp()), without_subvolumes(fuse_seccomp())}) {
    const auto request = [&](unsigned long number) {
      return outcome(profile, [number] { return ::syscall(SYS_ioctl, -1, number); });
    };
    for (const auto number : std::initializer_list<unsigned long>{BTRFS_IOC_SUBVOL_CREATE, BTRFS_IOC_SUBVOL_CREATE_V2,
                                                                  BTRFS_IOC_SNAP_CREATE, BTRFS_IOC_SNAP_CREATE_V2}) {
      CHECK_MESSAGE(request(number) == EPERM, number);
      CHECK_MESSAGE(request(number | 1ul << 32) == EPERM, number);  // the kernel doesn't look there
    }
    for (const auto number : std::initializer_list<unsigned long>{TCGETS, TIOCGWINSZ, FIONREAD, FICLONE, FS_IOC_GETFLAGS,
                                                                  BTRFS_IOC_CLONE_RANGE, BTRFS_IOC_INO_LOOKUP, 0ul, ~0ul})
      CHECK_MESSAGE(request(number) == EBADF, number);
  }
}

TEST_CASE("seccomp: what can't be a program is refused by its name") {
  auto unknown = default_seccomp();
  unknown["syscalls"][0]["names"].push_back("make_coffee");
  CHECK_THROWS_WITH_AS(seccomp_program(unknown), "make the seccomp program: unknown call 'make_coffee'", Error);
  auto kill = default_seccomp();
  kill["defaultAction"] = "SCMP_ACT_PERHAPS";
  CHECK_THROWS_WITH_AS(seccomp_program(kill), "make the seccomp program: unknown action 'SCMP_ACT_PERHAPS'", Error);
}
