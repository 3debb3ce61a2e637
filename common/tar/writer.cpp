#include "common/tar/writer.hpp"

#include <algorithm>
#include <cstring>

namespace concourse::tar {

namespace {

constexpr std::string_view kLongLinkName = "././@LongLink";

char type_of(Kind kind) {
  switch (kind) {
    case Kind::file: return '0';
    case Kind::hard_link: return '1';
    case Kind::symbolic_link: return '2';
    case Kind::character_device: return '3';
    case Kind::block_device: return '4';
    case Kind::directory: return '5';
    case Kind::fifo: return '6';
  }
  return '0';
}

void copy(char* field, std::size_t size, std::string_view text) { std::memcpy(field, text.data(), std::min(size, text.size())); }

// Takes the room that there is; a name that is too long has been said before.
void put_name(Header& header, std::string_view path) {
  if (path.size() > sizeof header.name) {
    const auto slash = path.find('/', path.size() - sizeof header.name - 1);
    if (slash != std::string_view::npos && slash != 0 && slash <= sizeof header.prefix && slash + 1 < path.size()) {
      copy(header.prefix, sizeof header.prefix, path.substr(0, slash));
      path.remove_prefix(slash + 1);
    }
  }
  copy(header.name, sizeof header.name, path);
}

bool has_room(std::string_view path) {
  Header header{};
  put_name(header, path);
  return name_of(header) == path || path.size() == sizeof header.name;
}

void finish(Header& header, char type, std::uint64_t size, std::string& out) {
  header.type = type;
  put_number(header.size, static_cast<std::int64_t>(size));
  copy(header.magic, sizeof header.magic, "ustar");
  copy(header.version, sizeof header.version, "00");
  put_checksum(header);
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
}

// A member that says something about the next one.
void add_special(std::string& out, char type, std::string_view name, std::string_view content, const Member& member) {
  Header header{};
  copy(header.name, sizeof header.name, name);
  put_number(header.mode, 0644);
  put_number(header.uid, member.uid);
  put_number(header.gid, member.gid);
  put_number(header.mtime, member.mtime.tv_sec);
  finish(header, type, content.size(), out);
  out += content;
  out.append(padding(content.size()), '\0');
}

std::string make(const Member& member, std::string records, const std::string& path, std::uint64_t size) {
  std::string out;
  if (member.mtime.tv_nsec != 0) add_record(records, "mtime", time_text(member.mtime));
  for (const auto& [name, value] : member.attributes) add_record(records, attribute_key(name), value);
  if (!records.empty()) add_special(out, 'x', "pax", records, member);
  if (!has_room(path)) add_special(out, 'L', kLongLinkName, path + '\0', member);
  if (member.link.size() > sizeof(Header::link)) add_special(out, 'K', kLongLinkName, member.link + '\0', member);
  Header header{};
  put_name(header, path);
  copy(header.link, sizeof header.link, member.link);
  put_number(header.mode, member.mode & 07777);
  put_number(header.uid, member.uid);
  put_number(header.gid, member.gid);
  put_number(header.mtime, member.mtime.tv_sec);
  put_number(header.major, member.major);
  put_number(header.minor, member.minor);
  finish(header, type_of(member.kind), member.kind == Kind::file ? size : 0, out);
  return out;
}

}  // namespace

std::string header_of(const Member& member) { return make(member, {}, member.path, member.size); }

std::string map_line(const Extent& extent) { return std::to_string(extent.at) + "\n" + std::to_string(extent.size) + "\n"; }

std::string map_begin(const Member& member, const std::vector<Extent>& extents) {
  const bool ends_with_hole = extents.empty() || extents.back().at + extents.back().size < member.size;
  return std::to_string(extents.size() + (ends_with_hole ? 1 : 0)) + "\n";
}

std::uint64_t map_size(const Member& member, const std::vector<Extent>& extents) {
  std::uint64_t size = 0;
  write_map(member, extents, [&](std::string_view text) { size += text.size(); });
  return size;
}

std::uint64_t sparse_size(const Member& member, const std::vector<Extent>& extents) {
  auto size = map_size(member, extents);
  for (const auto& extent : extents) size += extent.size;
  return size;
}

std::string sparse_header_of(const Member& member, const std::vector<Extent>& extents) {
  std::string records;
  add_record(records, "GNU.sparse.major", "1");
  add_record(records, "GNU.sparse.minor", "0");
  add_record(records, "GNU.sparse.name", member.path);
  add_record(records, "GNU.sparse.realsize", std::to_string(member.size));
  const auto slash = member.path.rfind('/');
  const auto base = member.path.substr(slash == std::string::npos ? 0 : slash + 1).substr(0, 80);
  return make(member, std::move(records), "GNUSparseFile.0/" + base, sparse_size(member, extents));
}

}  // namespace concourse::tar
