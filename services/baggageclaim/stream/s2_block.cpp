#include "services/baggageclaim/stream/s2_block.hpp"

#include <cstdint>
#include <cstring>

#include "services/baggageclaim/client_error.hpp"

namespace concourse::baggageclaim {

namespace {

// The block: a varint with the decoded size, then elements. The low two bits of an element's first byte are its kind:
//
//   00 literal        upper six bits: length - 1, or 60…63 for a length - 1 in 1…4 bytes that follow
//   01 near copy      bits 2-4: length - 4; offset: bits 5-7 above the next byte. S2: offset 0 repeats the last offset, and
//                     bits 2-4 as 5, 6, 7 then mean a length in 1, 2, 3 more bytes, plus 8, 260, 65540
//   10 copy           upper six bits: length - 1; offset in 2 bytes
//   11 far copy       upper six bits: length - 1; offset in 4 bytes
enum : unsigned { kLiteral = 0, kNearCopy = 1, kCopy = 2, kFarCopy = 3 };

class BlockDecoder {
 public:
  explicit BlockDecoder(std::string_view block) : in_(block) {}

  std::string decode(std::size_t max) {
    const auto size = varint();
    if (size > max) damaged("a block is too long");
    out_.resize(size);
    while (!in_.empty()) element();
    if (done_ != size) damaged("a block ends early");
    return std::move(out_);
  }

 private:
  [[noreturn]] static void damaged(const char* why) { throw bad_archive(std::string("not a good s2 stream: ") + why); }

  std::uint32_t little_endian(unsigned bytes) {
    if (in_.size() < bytes) damaged("an element is cut off");
    std::uint32_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(in_[i])) << (8 * i);
    in_.remove_prefix(bytes);
    return value;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const auto byte = little_endian(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    damaged("a block's size is malformed");
  }

  void element() {
    const auto tag = little_endian(1);
    const auto upper = tag >> 2;
    switch (tag & 3) {
      case kLiteral: return literal(std::size_t{1} + (upper < 60 ? upper : little_endian(upper - 59)));
      case kNearCopy: return near_copy(tag);
      case kCopy: offset_ = little_endian(2); break;
      case kFarCopy: offset_ = little_endian(4); break;
    }
    copy(upper + 1);
  }

  void near_copy(std::uint32_t tag) {
    const auto offset = (tag & 0xe0) << 3 | little_endian(1);
    std::size_t length = (tag >> 2 & 7) + 4;
    if (offset != 0) {
      offset_ = offset;
    } else {
      switch (tag >> 2 & 7) {
        case 5: length = little_endian(1) + std::size_t{8}; break;
        case 6: length = little_endian(2) + std::size_t{260}; break;
        case 7: length = little_endian(3) + std::size_t{65540}; break;
        default: break;
      }
    }
    copy(length);
  }

  void literal(std::size_t length) {
    if (length > in_.size() || length > out_.size() - done_) damaged("a literal is too long");
    std::memcpy(out_.data() + done_, in_.data(), length);
    in_.remove_prefix(length);
    done_ += length;
  }

  void copy(std::size_t length) {
    if (offset_ == 0 || offset_ > done_) damaged("a copy refers to nothing");
    if (length > out_.size() - done_) damaged("a copy is too long");
    char* to = out_.data() + done_;
    const char* from = to - offset_;
    // What is copied may begin to exist only while it is copied: then it repeats itself.
    if (offset_ >= length) std::memcpy(to, from, length);
    else
      for (std::size_t i = 0; i < length; ++i) to[i] = from[i];
    done_ += length;
  }

  std::string_view in_;
  std::string out_;
  std::size_t done_ = 0;
  std::size_t offset_ = 0;  // of the last copy
};

}  // namespace

std::string decode_s2_block(std::string_view block, std::size_t max) { return BlockDecoder(block).decode(max); }

}  // namespace concourse::baggageclaim
