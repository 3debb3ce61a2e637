#include "services/garden/spec/capabilities.hpp"

#include <array>
#include <charconv>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

// By number, capabilities(7).
constexpr std::array<const char*, 41> kNames = {"CAP_CHOWN",
                                                "CAP_DAC_OVERRIDE",
                                                "CAP_DAC_READ_SEARCH",
                                                "CAP_FOWNER",
                                                "CAP_FSETID",
                                                "CAP_KILL",
                                                "CAP_SETGID",
                                                "CAP_SETUID",
                                                "CAP_SETPCAP",
                                                "CAP_LINUX_IMMUTABLE",
                                                "CAP_NET_BIND_SERVICE",
                                                "CAP_NET_BROADCAST",
                                                "CAP_NET_ADMIN",
                                                "CAP_NET_RAW",
                                                "CAP_IPC_LOCK",
                                                "CAP_IPC_OWNER",
                                                "CAP_SYS_MODULE",
                                                "CAP_SYS_RAWIO",
                                                "CAP_SYS_CHROOT",
                                                "CAP_SYS_PTRACE",
                                                "CAP_SYS_PACCT",
                                                "CAP_SYS_ADMIN",
                                                "CAP_SYS_BOOT",
                                                "CAP_SYS_NICE",
                                                "CAP_SYS_RESOURCE",
                                                "CAP_SYS_TIME",
                                                "CAP_SYS_TTY_CONFIG",
                                                "CAP_MKNOD",
                                                "CAP_LEASE",
                                                "CAP_AUDIT_WRITE",
                                                "CAP_AUDIT_CONTROL",
                                                "CAP_SETFCAP",
                                                "CAP_MAC_OVERRIDE",
                                                "CAP_MAC_ADMIN",
                                                "CAP_SYSLOG",
                                                "CAP_WAKE_ALARM",
                                                "CAP_BLOCK_SUSPEND",
                                                "CAP_AUDIT_READ",
                                                "CAP_PERFMON",
                                                "CAP_BPF",
                                                "CAP_CHECKPOINT_RESTORE"};

}  // namespace

const std::vector<std::string>& base_capabilities() {
  static const std::vector<std::string> kBase = {"CAP_AUDIT_WRITE",      "CAP_CHOWN",     "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                                                 "CAP_FSETID",           "CAP_KILL",      "CAP_MKNOD",        "CAP_NET_RAW",
                                                 "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",   "CAP_SETGID",       "CAP_SETPCAP",
                                                 "CAP_SETUID",           "CAP_SYS_CHROOT"};
  return kBase;
}

std::vector<std::string> capabilities_in(std::uint64_t bounding_set) {
  std::vector<std::string> out;
  for (std::size_t number = 0; number < kNames.size(); ++number)
    if ((bounding_set >> number & 1) != 0) out.emplace_back(kNames[number]);
  return out;
}

std::uint64_t own_bounding_set() {
  const auto status = os::read_existing_file("/proc/self/status", 1 << 16);
  const auto at = status.find("CapBnd:\t");
  std::uint64_t set = 0;
  if (at == std::string::npos || std::from_chars(status.data() + at + 8, status.data() + at + 24, set, 16).ec != std::errc())
    throw Error(ErrorKind::internal, "/proc/self/status names no capability bounding set");
  return set;
}

}  // namespace concourse::garden
