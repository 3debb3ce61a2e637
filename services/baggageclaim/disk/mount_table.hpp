// The mounts of our mount namespace, from /proc/self/mountinfo.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace concourse::baggageclaim {

struct Mount {
  unsigned id = 0;
  dev_t device = 0;     // of the file system: the same in every namespace
  std::string root;     // the directory of the file system that is shown
  std::string point;    // where it is shown
  std::string options;  // of the mount: "rw,relatime,idmapped"
  unsigned peers = 0;   // group of mounts that get each other's changes below them; 0: none
  unsigned master = 0;  // group whose changes it gets
  std::string type;     // "ext4", "overlay"
  std::string source;
  std::string super_options;  // of the file system: "rw,lowerdir=…"
};

// Mounts in the order they were made, so that of several on one point the last is the one seen. Octal escapes decoded.
std::vector<Mount> parse_mount_table(std::string_view mountinfo);

// A snapshot of our namespace's mounts, by mount point.
class MountTable {
 public:
  static MountTable read();
  explicit MountTable(std::vector<Mount> mounts);
  // Those at `point`, the visible one last. There may be links in the path, but not at its end.
  std::vector<Mount> at(const std::filesystem::path& point) const;
  const std::map<std::string, std::vector<Mount>>& by_point() const { return by_point_; }

 private:
  std::map<std::string, std::vector<Mount>> by_point_;
};

bool is_mount_point(const std::filesystem::path& path);

}  // namespace concourse::baggageclaim
