#include "services/supervisor/port_owner.hpp"

#include <filesystem>
#include <set>
#include <sstream>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "services/supervisor/proc.hpp"

namespace concourse::supervisor {

namespace {

constexpr std::string_view kListening = "0A";  // TCP_LISTEN in /proc/net/tcp

// The inodes of the sockets that listen on the port. A line: "0: 0100007F:1E61 00000000:0000 0A … uid timeout inode …".
void add_inodes(const std::string& table, unsigned short port, std::set<std::string>& inodes) {
  std::istringstream lines(os::read_file(table).value_or(""));
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
    const auto colon = local.rfind(':');
    if (state != kListening || colon == std::string::npos) continue;
    if (std::strtoul(local.c_str() + colon + 1, nullptr, 16) == port) inodes.insert("socket:[" + inode + "]");
  }
}

}  // namespace

std::optional<std::string> port_owner(unsigned short port) {
  std::set<std::string> inodes;
  add_inodes("/proc/net/tcp", port, inodes);
  add_inodes("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) return std::nullopt;
  std::optional<std::string> keeper;
  for (const pid_t pid : process_ids()) {
    std::error_code error;
    const auto descriptors = std::filesystem::path("/proc") / std::to_string(pid) / "fd";
    for (auto it = std::filesystem::directory_iterator(descriptors, error); !error && it != std::filesystem::directory_iterator();
         it.increment(error)) {
      std::error_code gone;
      if (!inodes.contains(std::filesystem::read_symlink(it->path(), gone).string())) continue;
      const auto owner = "process " + std::to_string(pid) + " (" + process_name(pid) + ")";
      if (pid != 1) return owner;
      keeper = owner;
      break;
    }
  }
  return keeper;
}

}  // namespace concourse::supervisor
