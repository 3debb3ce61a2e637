#include "services/baggageclaim/stream/plain_header.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxId = 07777777, kMaxLong = 077777777777;

struct Block {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2], user[32],
      group[32], major[8], minor[8], prefix[155], unused[12];
};
static_assert(sizeof(Block) == kBlock);

template <std::size_t Size>
void octal(char (&field)[Size], std::uint64_t value) {
  for (auto i = Size - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
  field[Size - 1] = '\0';
}

void copy(char* field, std::string_view text) { std::memcpy(field, text.data(), text.size()); }

bool is_plain(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) { return c >= ' ' && c < 127; });
}

// Where a long path is parted; 0: it fits as it is; npos: it can't be.
std::size_t parting(std::string_view path) {
  if (path.size() <= sizeof Block::name) return 0;
  const auto slash = path.find('/', path.size() - sizeof Block::name - 1);
  return slash != 0 && slash <= sizeof Block::prefix ? slash : std::string_view::npos;
}

void finish(Block& block, char type, std::uint64_t size) {
  octal(block.size, size);
  block.type = type;
  copy(block.magic, "ustar");  // its zero is there: the room was filled with them
  copy(block.version, "00");
  octal(block.major, 0);
  octal(block.minor, 0);
  // Over the block with blanks in the checksum's place; six digits, a zero, a blank.
  std::memset(block.checksum, ' ', sizeof block.checksum);
  std::uint32_t sum = 0;
  for (const auto* byte = reinterpret_cast<const unsigned char*>(&block);
       byte != reinterpret_cast<const unsigned char*>(&block + 1);)
    sum += *byte++;
  char(&digits)[7] = reinterpret_cast<char(&)[7]>(block.checksum);
  octal(digits, sum);
}

}  // namespace

std::string_view plain_header(const PlainFile& file, PlainHeader& room) {
  const auto seconds = file.mtime.tv_sec;
  const auto part = parting(file.path);
  if (part == std::string_view::npos || !is_plain(file.path) || file.uid > kMaxId || file.gid > kMaxId || file.size > kMaxLong ||
      seconds < 0 || static_cast<std::uint64_t>(seconds) > kMaxLong)
    return {};
  room.fill('\0');
  auto* blocks = reinterpret_cast<Block*>(room.data());
  auto& block = blocks[2];
  copy(block.prefix, file.path.substr(0, part));
  copy(block.name, file.path.substr(part == 0 ? 0 : part + 1));
  octal(block.mode, file.mode & 07777);
  octal(block.uid, file.uid);
  octal(block.gid, file.gid);
  octal(block.mtime, static_cast<std::uint64_t>(seconds));
  finish(block, '0', file.size);
  if (file.mtime.tv_nsec == 0) return {room.data() + 2 * kBlock, kBlock};

  // A record begins with its own length, which has two digits for every time that ustar can hold.
  char* record = room.data() + kBlock;
  const int length = std::snprintf(record, kBlock, "00 mtime=%lld.%09ld\n", static_cast<long long>(seconds), file.mtime.tv_nsec);
  record[0] = static_cast<char>('0' + length / 10);
  record[1] = static_cast<char>('0' + length % 10);
  auto& extended = blocks[0];
  copy(extended.name, "pax");
  octal(extended.mode, 0644);
  octal(extended.uid, file.uid);
  octal(extended.gid, file.gid);
  octal(extended.mtime, static_cast<std::uint64_t>(seconds));
  finish(extended, 'x', static_cast<std::uint64_t>(length));
  return {room.data(), room.size()};
}

}  // namespace concourse::baggageclaim
