#include "services/baggageclaim/disk/mount_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

namespace {

// Spaces, tabs, newlines and backslashes are printed as \ooo.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3') {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<Mount> parse_mount_table(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (const auto& line : split(mountinfo, '\n')) {
    // id parent major:minor root point options [optional fields…] - type source super-options
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 6 || after.size() < 3) continue;
    mounts.push_back({static_cast<unsigned>(parse_u64(before[0]).value_or(0)), unescaped(before[3]), unescaped(before[4]),
                      before[5], after[0], unescaped(after[1]), unescaped(after[2])});
  }
  return mounts;
}

MountTable MountTable::read() { return MountTable(parse_mount_table(os::read_existing_file("/proc/self/mountinfo"))); }

MountTable::MountTable(std::vector<Mount> mounts) {
  for (auto& mount : mounts) by_point_[mount.point].push_back(std::move(mount));
}

std::vector<Mount> MountTable::at(const std::filesystem::path& point) const {
  const auto found = by_point_.find(point.string());
  return found == by_point_.end() ? std::vector<Mount>{} : found->second;
}

bool is_mount_point(const std::filesystem::path& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) return false;
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace concourse::baggageclaim
