#include "common/tar/header.hpp"

#include <cstddef>
#include <cstring>

namespace concourse::tar {

namespace {

constexpr unsigned char kBinary = 0x80;  // the first bit of a number in GNU's form

[[noreturn]] void bad_number(const char* what) { throw BadArchive(std::string("a header has a bad ") + what); }

// Two's complement, big-endian, the first bit being the mark.
std::int64_t binary_of(const char* field, std::size_t size, const char* what) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(field[i]); };
  const bool negative = (byte(0) & 0x40) != 0;
  auto value = negative ? ~std::uint64_t{0} : 0;
  const auto fill = static_cast<unsigned char>(negative ? 0xff : 0);
  for (std::size_t i = 0; i < size; ++i) {
    const auto b = i == 0 ? static_cast<unsigned char>(negative ? byte(0) : byte(0) & 0x7f) : byte(i);
    if (i + sizeof value < size && b != fill) bad_number(what);
    value = value << 8 | b;
  }
  const auto number = static_cast<std::int64_t>(value);
  if ((number < 0) != negative) bad_number(what);
  return number;
}

}  // namespace

std::string_view text_of(const char* field, std::size_t size) { return {field, ::strnlen(field, size)}; }

std::int64_t number_of(const char* field, std::size_t size, const char* what) {
  if ((static_cast<unsigned char>(field[0]) & kBinary) != 0) return binary_of(field, size, what);
  std::size_t at = 0;
  while (at < size && (field[at] == ' ' || field[at] == '\0')) ++at;
  std::int64_t value = 0;
  for (; at < size && field[at] >= '0' && field[at] <= '7'; ++at) value = value << 3 | (field[at] - '0');  // 12 digits: 36 bits
  for (; at < size; ++at)
    if (field[at] != ' ' && field[at] != '\0') bad_number(what);
  return value;
}

void put_number(char* field, std::size_t size, std::int64_t value) {
  if (value >= 0 && value >> (3 * (size - 1)) == 0) {
    for (auto i = size - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
    field[size - 1] = '\0';
    return;
  }
  auto rest = value;
  for (auto i = size; i-- > 0; rest >>= 8) field[i] = static_cast<char>(rest);
  field[0] = static_cast<char>(static_cast<unsigned char>(value < 0 ? 0xff : 0x80));
}

bool is_checked(const Header& header) {
  std::int64_t sum = 0, signed_sum = 0;
  const auto* bytes = reinterpret_cast<const char*>(&header);
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= offsetof(Header, checksum) && i < offsetof(Header, type);
    sum += own ? ' ' : static_cast<unsigned char>(bytes[i]);
    signed_sum += own ? ' ' : static_cast<signed char>(bytes[i]);
  }
  std::int64_t said = -1;
  try {
    said = number_of(header.checksum, "checksum");
  } catch (const BadArchive&) {
    return false;
  }
  return said == sum || said == signed_sum;
}

void put_checksum(Header& header) {
  std::memset(header.checksum, ' ', sizeof header.checksum);
  std::int64_t sum = 0;
  for (const auto* byte = reinterpret_cast<const unsigned char*>(&header);
       byte != reinterpret_cast<const unsigned char*>(&header + 1);)
    sum += *byte++;
  put_number(header.checksum, 7, sum);  // six digits, a zero; the blank behind them stays
}

std::string name_of(const Header& header) {
  constexpr std::string_view kPosix("ustar\0", 6), kStar("tar\0", 4);
  constexpr std::size_t kStarPrefix = 131;  // times lie behind it
  std::string name(text_of(header.name));
  if (std::string_view(header.magic, sizeof header.magic) != kPosix) return name;
  const bool star = std::string_view(header.unused + sizeof header.unused - kStar.size(), kStar.size()) == kStar;
  const auto prefix = text_of(header.prefix, star ? kStarPrefix : sizeof header.prefix);
  return prefix.empty() ? name : std::string(prefix) + "/" + name;
}

}  // namespace concourse::tar
