// Extended headers: what a plain tar header has no room for (POSIX.1-2017, pax, "pax Extended Header"; holes: GNU tar's manual,
// "Storing Sparse Files"; attributes: star's SCHILY.xattr and libarchive's LIBARCHIVE.xattr).
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/tar/header.hpp"

namespace concourse::tar {

using Attributes = std::vector<std::pair<std::string, std::string>>;

// What one or several extended headers have said. What isn't known here (owners' names, ACLs, labels) is passed over.
struct PaxFields {
  std::optional<std::string> path, link;
  std::optional<std::int64_t> size, uid, gid, major, minor;
  std::optional<timespec> mtime;
  Attributes attributes;
  // Holes. Version 0.0 and 0.1 list the data here, 1.0 at the begin of the content.
  bool sparse = false, map_in_content = false;
  std::optional<std::string> real_name;
  std::optional<std::int64_t> real_size;
  std::vector<Extent> extents;

  // Adds the records of a header's content. Throws BadArchive.
  void read(std::string_view records);

 private:
  void take(std::string_view key, std::string_view value);
  void take_sparse(std::string_view key, std::string_view value);
  void take_map(std::string_view text);
  void take_attribute(std::string name, std::string value, bool again);
  std::optional<std::uint64_t> offset_;  // of the next extent, in version 0.0
};

// "[-]seconds[.fraction]". Throws BadArchive for what no file's time can be.
timespec parse_time(std::string_view text);
std::string time_text(const timespec& time);

// Adds one record to a header's content.
void add_record(std::string& records, std::string_view key, std::string_view value);
// The key for an attribute: its name, '=' and '%' escaped as GNU tar does it.
std::string attribute_key(std::string_view name);

}  // namespace concourse::tar
