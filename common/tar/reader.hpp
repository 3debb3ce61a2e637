// Reads tar archives of any kind (v7, ustar, GNU, pax; files with holes in GNU's four ways) as they come, member by member, with a
// budget in bytes for everything that the archive may make long.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/tar/header.hpp"
#include "common/tar/pax.hpp"

namespace concourse::tar {

enum class Kind { file, hard_link, symbolic_link, character_device, block_device, directory, fifo };

struct Member {
  Kind kind = Kind::file;
  std::string path, link;  // as the archive has them: any bytes but zero
  mode_t mode = 0;         // permissions, 07777
  std::int64_t uid = 0, gid = 0;
  timespec mtime{};
  std::uint32_t major = 0, minor = 0;  // of devices
  std::uint64_t size = 0;              // of files, holes included
  Attributes attributes;
};

// Bytes of a file's content and their place in it; between pieces, and behind the last, are holes.
struct Piece {
  std::uint64_t at = 0;
  std::string_view bytes;
};

struct Budgets {
  std::size_t header = 4 << 20;     // content of one extended header: names, attributes
  std::size_t path = 64 << 10;      // a member's path, and what a link points to
  std::size_t extents = 512 << 10;  // parts of one file that hold data, at 16 bytes each
};

// One thread. All calls throw BadArchive for what isn't an archive, is cut off or exceeds a budget, and what `next_block` throws.
class Reader {
 public:
  // `next_block` gives the bytes that follow, valid until it is called again; empty at the end.
  explicit Reader(std::function<std::string_view()> next_block, const Budgets& budgets = {});

  // The next member, whatever is left of the last one's content; false at the archive's end, behind which nothing is read.
  bool next(Member& member);
  // The next piece of the member's content, valid until the next call; empty bytes at its end.
  Piece content();

 private:
  bool fill();
  bool read_header();
  void read_exactly(char* out, std::size_t size);
  void skip(std::uint64_t size);
  std::string extended(const char* what, std::size_t limit);
  char content_byte();
  std::uint64_t map_number();

  void describe(Member& member);
  void describe_holes(Member& member);
  void read_gnu_map(Member& member);
  void read_pax_map();
  void add_extent(std::uint64_t at, std::uint64_t size);
  void check_extents(const Member& member) const;
  std::string checked_path(std::string path, const char* what) const;

  const std::function<std::string_view()> next_block_;
  const Budgets budgets_;
  std::string_view buffered_;
  Header header_{};
  PaxFields global_, fields_;
  std::string gnu_path_, gnu_link_;

  std::uint64_t left_ = 0;   // of the member's content in the archive
  std::size_t padding_ = 0;  // behind it
  bool sparse_ = false;      // extents_ say where content goes
  std::uint64_t at_ = 0;     // without holes: how much of it was given out
  std::vector<Extent> extents_;
  std::size_t extent_ = 0;  // that comes next
  std::uint64_t in_extent_ = 0;
};

}  // namespace concourse::tar
