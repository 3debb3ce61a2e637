// The tar headers of plain files, which most of an archive are, made without libarchive: that takes as long for one as the kernel
// for opening and reading a small file. Format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header".
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace concourse::baggageclaim {

// A regular file with one name and no attributes.
struct PlainFile {
  std::string_view path;
  mode_t mode = 0;
  std::uint32_t uid = 0, gid = 0;
  std::uint64_t size = 0;
  timespec mtime{};
};

// Room for what plain_header() makes, of which one may be used again and again.
using PlainHeader = std::array<char, 3 * 512>;

// What comes before the file's content: a ustar header, after a pax header if the time has nanoseconds. Points into `room`.
// Empty if these can't say it (a path too long or not of plain ASCII, a big id, size or time): that takes the library.
std::string_view plain_header(const PlainFile& file, PlainHeader& room);

// How many zeros come after a content of this size.
inline std::size_t tar_padding(std::uint64_t size) { return static_cast<std::size_t>(-size % 512); }

}  // namespace concourse::baggageclaim
