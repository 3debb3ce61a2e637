// A process to start, encoded for concourse-init in a sealed memory file: integers little-endian, texts as length + bytes.
//
//   u32 version  u32 flags  u16 columns  u16 rows
//   text path  text dir  text user
//   u32 n, n × text  arguments (without path)
//   u32 n, n × text  environment
//   u32 n, n × {u32 resource, u64 value}  limits (both soft and hard)
//
// The decoder needs nothing but libc and works in place: texts are views into the encoded bytes, and are NUL-terminated there
// (the encoder writes the NUL, the length doesn't count it), so that they can be passed to execve(2) as they are.
#pragma once

#include <cstdint>
#include <string_view>

namespace concourse::init_wire {

inline constexpr std::uint32_t kFlagTty = 1;

class Decoder {
 public:
  Decoder(const char* data, std::size_t size) : at_(data), end_(data + size) {}

  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  std::string_view text() {
    const std::uint32_t size = u32();
    if (!ok_ || static_cast<std::size_t>(end_ - at_) < std::size_t{size} + 1 || at_[size] != '\0') return fail(), "";
    const std::string_view out(at_, size);
    at_ += size + 1;
    return out;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == end_; }

 private:
  std::uint64_t number(unsigned bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) return fail(), 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= std::uint64_t{static_cast<unsigned char>(at_[i])} << (8 * i);
    at_ += bytes;
    return value;
  }
  void fail() {
    ok_ = false;
    at_ = end_;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace concourse::init_wire
