#include "services/garden/spec/seccomp.hpp"

#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <string>

namespace concourse::garden {

namespace {

using Names = std::set<std::string>;

// The last call that was looked at (futex_requeue; newer ones have the same number everywhere). What a newer libseccomp knows
// besides is refused until somebody has judged it, as the peers' lists do.
constexpr int kLastReviewed = 456;

// Mounting and namespaces: what fuse-overlayfs and rootless builders need.
const Names kMountCalls = {"mount",   "mount_setattr", "move_mount", "pivot_root", "umount",
                           "umount2", "unshare",       "setns",      "sethostname"};

// Calls that act on the host, on other containers or on the kernel itself, or that only attackers still use.
const Names kRefused = {
    // the machine
    "reboot", "kexec_load", "kexec_file_load", "swapon", "swapoff", "acct", "iopl", "ioperm", "settimeofday", "stime",
    "clock_settime", "clock_settime64", "vhangup", "setdomainname", "quotactl", "quotactl_fd", "nfsservctl", "lookup_dcookie",
    // the kernel's code
    "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms", "bpf", "perf_event_open",
    // keys are not in a namespace
    "add_key", "request_key", "keyctl",
    // files by handle and file systems by descriptor
    "open_by_handle_at", "fanotify_init", "fsopen", "fsconfig", "fsmount", "fspick",
    // other processes' memory and descriptors (ptrace itself is allowed within the container)
    "kcmp", "pidfd_getfd", "process_vm_readv", "process_vm_writev", "process_madvise",
    // placement on the machine's memory
    "mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "move_pages", "migrate_pages",
    // a large attack surface, or a history of it
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "uretprobe", "uselib", "vm86", "vm86old", "sysfs",
    "_sysctl", "ustat",
    // entries of the tables that no kernel implements any more
    "afs_syscall", "bdflush", "break", "epoll_ctl_old", "epoll_wait_old", "ftime", "getpmsg", "gtty", "idle", "lock", "mpx",
    "oldfstat", "oldlstat", "oldolduname", "oldstat", "olduname", "prof", "profil", "putpmsg", "readdir", "security", "stty",
    "tuxcall", "ulimit", "vserver",
    // decided by their arguments, below
    "personality", "clone", "clone3"};

Json argument(int index, std::uint64_t value, const char* op, std::uint64_t second = 0) {
  return {{"index", index}, {"value", value}, {"valueTwo", second}, {"op", op}};
}

Json rule(const Names& names, const char* action, Json arguments = nullptr) {
  Json r = {{"names", names}, {"action", action}};
  if (!arguments.is_null()) r["args"] = std::move(arguments);
  return r;
}

Names known_calls() {
  Names names;
  for (const std::uint32_t arch : {static_cast<std::uint32_t>(SCMP_ARCH_NATIVE), static_cast<std::uint32_t>(SCMP_ARCH_X86)})
    for (int number = 0; number <= kLastReviewed; ++number)
      if (char* name = seccomp_syscall_resolve_num_arch(arch, number); name != nullptr) {
        names.insert(name);
        std::free(name);
      }
  return names;
}

Json profile(const Names& refused, Json more_rules) {
  // A new mount, uts, ipc, user, pid or network namespace.
  constexpr std::uint64_t kNamespaceFlags = 0x7C020000;
  Names allowed = known_calls();
  for (const auto& name : refused) allowed.erase(name);
  Json rules = Json::array({rule(allowed, "SCMP_ACT_ALLOW")});
  for (const std::uint64_t persona : {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{0xffffffff}})
    rules.push_back(rule({"personality"}, "SCMP_ACT_ALLOW", Json::array({argument(0, persona, "SCMP_CMP_EQ")})));
  if (refused.contains("clone")) {
    rules.push_back(rule({"clone"}, "SCMP_ACT_ALLOW", Json::array({argument(0, kNamespaceFlags, "SCMP_CMP_MASKED_EQ")})));
    // Its flags are behind a pointer, where a filter can't look; ENOSYS makes libc fall back to clone.
    Json clone3 = rule({"clone3"}, "SCMP_ACT_ERRNO");
    clone3["errnoRet"] = ENOSYS;
    rules.push_back(std::move(clone3));
  }
  for (auto& more : more_rules) rules.push_back(std::move(more));
  return {
    {"defaultAction", "SCMP_ACT_ERRNO"}, {"defaultErrnoRet", EPERM},
#if defined(__x86_64__)
        {"architectures", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
#elif defined(__aarch64__)
        {"architectures", {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}},
#endif
    {
      "syscalls", std::move(rules)
    }
  };
}

}  // namespace

Json default_seccomp() {
  Names refused = kRefused;
  refused.insert(kMountCalls.begin(), kMountCalls.end());
  return profile(refused, Json::array());
}

Json fuse_seccomp() {
  Names refused = kRefused;
  for (const auto* name : {"clone", "clone3", "pidfd_getfd", "keyctl"}) refused.erase(name);
  refused.insert("setns");
  constexpr std::uint64_t kMountNamespace = 0x20000;
  return profile(refused,
                 Json::array({rule({"setns"}, "SCMP_ACT_ALLOW", Json::array({argument(1, kMountNamespace, "SCMP_CMP_EQ")}))}));
}

Json without_subvolumes(Json profile) {
  // What btrfs names with a path (linux/btrfs.h: _IOW(0x94, n, 4096 bytes)), whatever n is. The kernel looks at 32 bits of a
  // request; a rule can only ask for equality, so there is one for each bit in which others differ.
  constexpr std::uint64_t kPathCalls = 0x50009400;
  auto& names = profile["syscalls"][0]["names"];
  names.erase(std::find(names.begin(), names.end(), "ioctl"));
  for (int n = 8; n < 32; ++n) {
    const std::uint64_t bit = std::uint64_t{1} << n;
    profile["syscalls"].push_back(
        rule({"ioctl"}, "SCMP_ACT_ALLOW", Json::array({argument(1, bit, "SCMP_CMP_MASKED_EQ", ~kPathCalls & bit)})));
  }
  return profile;
}

}  // namespace concourse::garden
