#include "services/baggageclaim/disk/mount_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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

dev_t device_of(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return 0;
  return makedev(static_cast<unsigned>(parse_u64(text.substr(0, colon)).value_or(0)),
                 static_cast<unsigned>(parse_u64(text.substr(colon + 1)).value_or(0)));
}

// The number behind `name` in one of the optional fields, "shared:7" or "master:3".
unsigned group(const std::vector<std::string>& fields, std::string_view name) {
  for (std::size_t i = 6; i < fields.size(); ++i)
    if (fields[i].starts_with(name)) return static_cast<unsigned>(parse_u64(fields[i].substr(name.size())).value_or(0));
  return 0;
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
    mounts.push_back({.id = static_cast<unsigned>(parse_u64(before[0]).value_or(0)),
                      .device = device_of(before[2]),
                      .root = unescaped(before[3]),
                      .point = unescaped(before[4]),
                      .options = before[5],
                      .peers = group(before, "shared:"),
                      .master = group(before, "master:"),
                      .type = after[0],
                      .source = unescaped(after[1]),
                      .super_options = unescaped(after[2])});
  }
  return mounts;
}

MountTable MountTable::read() { return MountTable(parse_mount_table(os::read_existing_file("/proc/self/mountinfo"))); }

MountTable::MountTable(std::vector<Mount> mounts) {
  for (auto& mount : mounts) by_point_[mount.point].push_back(std::move(mount));
}

std::vector<Mount> MountTable::at(const std::filesystem::path& point) const {
  auto found = by_point_.find(point.string());
  // The kernel knows it by its real name.
  std::error_code error;
  if (found == by_point_.end())
    if (const auto folder = std::filesystem::canonical(point.parent_path(), error); !error)
      found = by_point_.find((folder / point.filename()).string());
  return found == by_point_.end() ? std::vector<Mount>{} : found->second;
}

bool is_mount_point(const std::filesystem::path& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) return false;
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace concourse::baggageclaim
