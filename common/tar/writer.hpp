// The headers of a tar archive's members: ustar, with GNU's long names and big numbers, which every program reads that reads tar
// today; an extended header only for a time with nanoseconds, for attributes, and for holes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/tar/reader.hpp"

namespace concourse::tar {

// All that comes before the member's content. Of its mode the permissions count; `size` only of a file.
std::string header_of(const Member& member);

// The same for a file with holes (GNU's PAX format 1.0), of which only `extents` come: in order, not empty, within `size`. Behind
// it come map_pieces(), then the content of the extents one after the other, then padding(sparse_size()).
std::string sparse_header_of(const Member& member, const std::vector<Extent>& extents);
// How long map and content are together.
std::uint64_t sparse_size(const Member& member, const std::vector<Extent>& extents);
// Calls `write(std::string_view)` with the map, some KiB at a time.
template <typename Write>
void write_map(const Member& member, const std::vector<Extent>& extents, const Write& write);

// What write_map() is made of.
std::string map_begin(const Member& member, const std::vector<Extent>& extents);
std::string map_line(const Extent& extent);
std::uint64_t map_size(const Member& member, const std::vector<Extent>& extents);

template <typename Write>
void write_map(const Member& member, const std::vector<Extent>& extents, const Write& write) {
  constexpr std::size_t kEnough = 16 << 10;
  auto text = map_begin(member, extents);
  std::uint64_t written = 0;
  const auto flush = [&] {
    write(std::string_view(text));
    written += text.size();
    text.clear();
  };
  for (const auto& extent : extents) {
    text += map_line(extent);
    if (text.size() >= kEnough) flush();
  }
  // A file whose end is a hole has an empty part there.
  if (extents.empty() || extents.back().at + extents.back().size < member.size) text += map_line({member.size, 0});
  text.append(padding(written + text.size()), '\0');
  flush();
}

}  // namespace concourse::tar
