// What btrfs' quotas can do for one subvolume: say how much it holds, and keep it from holding more. Needs root. Throws SysError.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "common/base/unique_fd.hpp"

namespace concourse::garden {

class BtrfsSubvolume {
 public:
  // The one whose uppermost directory is `directory` (any descriptor of it). Nothing for another directory, and for the whole file
  // system.
  static std::optional<BtrfsSubvolume> at(const UniqueFd& directory);

  // What counts as referenced by a subvolume: `simple` quotas count what is written to it from the moment they are on, `full` ones
  // all that it shows, and what it shares with no other as exclusive as well.
  enum class Quotas { none, simple, full };
  Quotas quotas() const;
  // Switches them on unless they are: simple ones, or full ones where the kernel has no others (before 6.7).
  void enable_quotas() const;

  // Bytes, once all that was written is on the disk and counted; 0 if the kernel doesn't tell.
  std::uint64_t referenced() const;
  // Beyond these bytes whoever writes gets EDQUOT; kUnlimited lifts a limit. Without quotas there is none to lift, and nothing
  // happens. Kept by the file system over reboots, for as long as there is the subvolume.
  static constexpr std::uint64_t kUnlimited = UINT64_MAX;
  void limit(std::uint64_t referenced, std::uint64_t exclusive) const;

 private:
  BtrfsSubvolume(UniqueFd fd, UniqueFd above, std::uint64_t id, std::filesystem::path qgroups)
      : fd_(std::move(fd)), above_(std::move(above)), id_(id), qgroups_(std::move(qgroups)) {}

  UniqueFd fd_;
  UniqueFd above_;  // of the directory that it lies in, if that is on the same file system
  std::uint64_t id_;
  std::filesystem::path qgroups_;  // in sysfs; there while quotas are on
};

}  // namespace concourse::garden
