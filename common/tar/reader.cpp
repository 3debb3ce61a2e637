#include "common/tar/reader.hpp"

#include <algorithm>
#include <cstring>

namespace concourse::tar {

namespace {

// Types of members, beside those that Kind has.
enum : char {
  kFile = '0',
  kOldFile = '\0',
  kHardLink = '1',
  kSymbolicLink = '2',
  kCharacterDevice = '3',
  kBlockDevice = '4',
  kDirectory = '5',
  kFifo = '6',
  kPax = 'x',
  kSolarisPax = 'X',
  kGlobalPax = 'g',
  kLongName = 'L',
  kLongLink = 'K',
  kSparse = 'S',
  kListedDirectory = 'D',
  kContinued = 'M',
  kVolumeName = 'V',
  kOldNames = 'N',
  kSolarisAcl = 'A',
};

// GNU's old way to keep holes: four parts in the header, where ustar has its prefix, more in blocks that follow it.
constexpr std::size_t kMapAt = 386, kMapInHeader = 4, kMapInBlock = 21, kMoreAt = 482, kRealSizeAt = 483, kMoreInBlockAt = 504;
constexpr std::size_t kNumber = 12, kPart = 2 * kNumber;

bool is_zero(const Header& header) {
  const auto* bytes = reinterpret_cast<const char*>(&header);
  return std::all_of(bytes, bytes + kBlock, [](char c) { return c == '\0'; });
}

// Programs that read an archive take nothing but a file's content for content, whatever size the others claim.
Kind kind_of(const Header& header) {
  switch (header.type) {
    case kHardLink: return Kind::hard_link;
    case kSymbolicLink: return Kind::symbolic_link;
    case kCharacterDevice: return Kind::character_device;
    case kBlockDevice: return Kind::block_device;
    case kDirectory:
    case kListedDirectory: return Kind::directory;
    case kFifo: return Kind::fifo;
    default: return Kind::file;
  }
}

std::uint64_t not_negative(std::int64_t value, const char* what) {
  if (value < 0) throw BadArchive(std::string("a header has a negative ") + what);
  return static_cast<std::uint64_t>(value);
}

}  // namespace

Reader::Reader(std::function<std::string_view()> next_block, const Budgets& budgets)
    : next_block_(std::move(next_block)), budgets_(budgets) {}

bool Reader::fill() {
  if (buffered_.empty()) buffered_ = next_block_();
  return !buffered_.empty();
}

void Reader::read_exactly(char* out, std::size_t size) {
  while (size > 0) {
    if (!fill()) throw BadArchive("the archive is cut off");
    const auto n = std::min(size, buffered_.size());
    std::memcpy(out, buffered_.data(), n);
    buffered_.remove_prefix(n);
    out += n;
    size -= n;
  }
}

void Reader::skip(std::uint64_t size) {
  while (size > 0) {
    if (!fill()) throw BadArchive("the archive is cut off");
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size, buffered_.size()));
    buffered_.remove_prefix(n);
    size -= n;
  }
}

// False at the end: a block of zeros, or nothing where a header could be.
bool Reader::read_header() {
  if (!fill()) return false;
  read_exactly(reinterpret_cast<char*>(&header_), sizeof header_);
  if (is_zero(header_)) return false;
  if (!is_checked(header_)) throw BadArchive("this is no tar archive, or a damaged one: a header's checksum is wrong");
  return true;
}

// The content of a member that says something about the next one.
std::string Reader::extended(const char* what, std::size_t limit) {
  const auto size = not_negative(number_of(header_.size, "size"), "size");
  if (size > limit) throw BadArchive(std::string(what) + " is longer than " + std::to_string(limit) + " bytes");
  std::string text(size, '\0');
  read_exactly(text.data(), text.size());
  skip(padding(size));
  return text;
}

bool Reader::next(Member& member) {
  skip(left_);
  skip(padding_);
  left_ = padding_ = 0;
  fields_ = global_;
  gnu_path_.clear();
  gnu_link_.clear();
  while (read_header()) {
    switch (header_.type) {
      case kPax:
      case kSolarisPax: fields_.read(extended("an extended header", budgets_.header)); continue;
      case kGlobalPax: {
        global_.read(extended("an extended header", budgets_.header));
        // Holes and attributes are one file's, and would grow with every such header.
        global_.attributes.clear();
        global_.extents.clear();
        global_.sparse = global_.map_in_content = false;
        global_.real_name.reset();
        global_.real_size.reset();
        fields_ = global_;
        continue;
      }
      case kLongName: gnu_path_ = text_of(extended("a member's path", budgets_.path + 1).c_str(), budgets_.path + 1); continue;
      case kLongLink: gnu_link_ = text_of(extended("a link's target", budgets_.path + 1).c_str(), budgets_.path + 1); continue;
      case kVolumeName:
      case kOldNames:
      case kSolarisAcl: {
        const auto size = not_negative(number_of(header_.size, "size"), "size");
        skip(size);
        skip(padding(size));
        continue;
      }
      case kContinued: throw BadArchive("the archive is the second part of another one");
      default: describe(member); return true;
    }
  }
  return false;
}

std::string Reader::checked_path(std::string path, const char* what) const {
  if (path.size() > budgets_.path)
    throw BadArchive(std::string(what) + " is longer than " + std::to_string(budgets_.path) + " bytes");
  return path;
}

void Reader::describe(Member& member) {
  member = {};
  member.kind = kind_of(header_);
  if (gnu_path_.empty())
    gnu_path_ = fields_.real_name ? std::move(*fields_.real_name) : fields_.path ? std::move(*fields_.path) : name_of(header_);
  if (gnu_link_.empty()) gnu_link_ = fields_.link ? std::move(*fields_.link) : std::string(text_of(header_.link));
  member.path = checked_path(std::move(gnu_path_), "a member's path");
  member.link = checked_path(std::move(gnu_link_), "a link's target");
  // Before there was a type for directories.
  if ((header_.type == kFile || header_.type == kOldFile) && member.path.ends_with('/')) member.kind = Kind::directory;
  member.mode = static_cast<mode_t>(number_of(header_.mode, "mode")) & 07777;
  member.uid = fields_.uid ? *fields_.uid : number_of(header_.uid, "owner");
  member.gid = fields_.gid ? *fields_.gid : number_of(header_.gid, "group");
  member.mtime = fields_.mtime ? *fields_.mtime : timespec{number_of(header_.mtime, "time"), 0};
  if (member.kind == Kind::character_device || member.kind == Kind::block_device) {
    member.major = static_cast<std::uint32_t>(fields_.major ? *fields_.major : number_of(header_.major, "device number"));
    member.minor = static_cast<std::uint32_t>(fields_.minor ? *fields_.minor : number_of(header_.minor, "device number"));
  }
  member.attributes = std::move(fields_.attributes);
  sparse_ = false;
  at_ = 0;
  const bool has_content = member.kind == Kind::file || header_.type == kListedDirectory;
  if (!has_content) return;
  left_ = not_negative(fields_.size ? *fields_.size : number_of(header_.size, "size"), "size");
  padding_ = padding(left_);
  if (member.kind != Kind::file) return;
  member.size = left_;
  if (header_.type == kSparse || fields_.sparse) describe_holes(member);
}

void Reader::describe_holes(Member& member) {
  sparse_ = true;
  extent_ = 0;
  in_extent_ = 0;
  extents_.clear();
  if (header_.type == kSparse) {
    read_gnu_map(member);
  } else {
    if (fields_.real_size) member.size = static_cast<std::uint64_t>(*fields_.real_size);
    for (const auto& extent : fields_.extents) add_extent(extent.at, extent.size);
    if (fields_.map_in_content) read_pax_map();
  }
  check_extents(member);
}

void Reader::add_extent(std::uint64_t at, std::uint64_t size) {
  if (extents_.size() >= budgets_.extents)
    throw BadArchive("a file with holes has more than " + std::to_string(budgets_.extents) + " parts");
  extents_.push_back({at, size});
}

void Reader::read_gnu_map(Member& member) {
  const auto* head = reinterpret_cast<const char*>(&header_);
  member.size = not_negative(number_of(head + kRealSizeAt, kNumber, "size"), "size");
  const auto take = [&](const char* parts, std::size_t count) {
    for (const auto* part = parts; part < parts + count * kPart && *part != '\0'; part += kPart)
      add_extent(not_negative(number_of(part, kNumber, "place of a part"), "place"),
                 not_negative(number_of(part + kNumber, kNumber, "size of a part"), "size"));
  };
  take(head + kMapAt, kMapInHeader);
  char block[kBlock];
  for (bool more = head[kMoreAt] != '\0'; more; more = block[kMoreInBlockAt] != '\0') {
    read_exactly(block, sizeof block);
    const auto before = extents_.size();
    take(block, kMapInBlock);
    if (extents_.size() == before) throw BadArchive("a file with holes has an empty list of parts");
  }
}

char Reader::content_byte() {
  if (left_ == 0) throw BadArchive("a file with holes ends before its list of parts");
  char byte = 0;
  read_exactly(&byte, 1);
  --left_;
  return byte;
}

// A decimal number and a line end.
std::uint64_t Reader::map_number() {
  constexpr int kDigits = 19;
  std::uint64_t value = 0;
  int digits = 0;
  for (char c = content_byte(); c != '\n'; c = content_byte()) {
    if (c < '0' || c > '9' || ++digits > kDigits) throw BadArchive("a file with holes has a bad list of parts");
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (digits == 0) throw BadArchive("a file with holes has a bad list of parts");
  return value;
}

// The count of parts, then their places and sizes, filled up to a whole block.
void Reader::read_pax_map() {
  const auto before = left_;
  for (auto count = map_number(); count > 0; --count) {
    const auto at = map_number();
    add_extent(at, map_number());
  }
  const auto rest = std::min<std::uint64_t>(padding(before - left_), left_);
  skip(rest);
  left_ -= rest;
}

void Reader::check_extents(const Member& member) const {
  std::uint64_t end = 0, stored = 0;
  for (const auto& extent : extents_) {
    if (extent.at < end || extent.at > member.size || extent.size > member.size - extent.at)
      throw BadArchive("the parts of '" + member.path + "' lie on each other or beyond its end");
    end = extent.at + extent.size;
    stored += extent.size;
  }
  if (stored > left_) throw BadArchive("'" + member.path + "' has less content than its parts say");
}

Piece Reader::content() {
  std::uint64_t at = at_, want = left_;
  if (sparse_) {
    while (extent_ < extents_.size() && in_extent_ == extents_[extent_].size) ++extent_, in_extent_ = 0;
    if (extent_ == extents_.size()) return {};
    at = extents_[extent_].at + in_extent_;
    want = extents_[extent_].size - in_extent_;
  }
  if (want == 0) return {};
  if (!fill()) throw BadArchive("the archive is cut off");
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(want, buffered_.size()));
  const Piece piece{at, buffered_.substr(0, n)};
  buffered_.remove_prefix(n);
  left_ -= n;
  if (sparse_) in_extent_ += n;
  else at_ += n;
  return piece;
}

}  // namespace concourse::tar
