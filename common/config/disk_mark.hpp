// A watermark: how much of a file system has to be free.
//
//   5%       of its bytes, and of its inodes
//   2G       of bytes alone; K, M, G and T count in 1024s
//   5%,2G    the share, but no more bytes than that
//   0        no mark
#pragma once

#include <cstdint>
#include <string_view>

namespace concourse::config {

struct DiskMark {
  double share = 0;             // of the whole, 0 to 1
  std::uint64_t max_bytes = 0;  // 0: no ceiling where there is a share, no mark where there is none

  // What has to be free of so many. 0: nothing has to.
  std::uint64_t of_bytes(std::uint64_t total) const;
  std::uint64_t of_inodes(std::uint64_t total) const;
};

// Throws Error(invalid) for anything else.
DiskMark parse_disk_mark(std::string_view text);

}  // namespace concourse::config
