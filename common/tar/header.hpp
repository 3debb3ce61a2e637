// One block of a tar archive: the header of a member, as ustar (POSIX.1-2017, pax, "ustar Interchange Format") and GNU tar lay it
// out ("Basic Tar Format" in its manual).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.hpp"

namespace concourse::tar {

inline constexpr std::size_t kBlock = 512;

// What was sent isn't a tar archive, or exceeds a budget.
class BadArchive : public Error {
 public:
  explicit BadArchive(const std::string& what) : Error(ErrorKind::invalid, what) {}
};

// Kept as bytes: nothing in it is aligned or ends with a zero for certain.
struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2], user[32],
      group[32], major[8], minor[8], prefix[155], unused[12];
};
static_assert(sizeof(Header) == kBlock);

// A part of a file that holds data.
struct Extent {
  std::uint64_t at, size;
};

// How many zeros come after a content of this size.
inline std::size_t padding(std::uint64_t size) { return static_cast<std::size_t>(-size % kBlock); }

// The text of a field, up to its first zero.
std::string_view text_of(const char* field, std::size_t size);
template <std::size_t Size>
std::string_view text_of(const char (&field)[Size]) {
  return text_of(field, Size);
}

// The number in a field: octal digits, or GNU's binary form. Throws BadArchive naming `what`.
std::int64_t number_of(const char* field, std::size_t size, const char* what);
template <std::size_t Size>
std::int64_t number_of(const char (&field)[Size], const char* what) {
  return number_of(field, Size, what);
}

// Writes a number: octal where it fits, else GNU's binary form.
void put_number(char* field, std::size_t size, std::int64_t value);
template <std::size_t Size>
void put_number(char (&field)[Size], std::int64_t value) {
  put_number(field, Size, value);
}

// Whether the checksum is right, by either way that programs have added bytes up.
bool is_checked(const Header& header);
// Writes the checksum. Last.
void put_checksum(Header& header);

// The member's name, put together with its prefix.
std::string name_of(const Header& header);

}  // namespace concourse::tar
