#include "services/baggageclaim/stream/s2.hpp"

#include <isa-l/crc.h>
#include <snappy-c.h>

#include <algorithm>
#include <string>

#include "services/baggageclaim/stream/input_buffer.hpp"
#include "services/baggageclaim/stream/s2_block.hpp"

namespace concourse::baggageclaim {

namespace {

// A stream is chunks: type (1 byte), length (3 bytes, little-endian), body. Data chunks begin with a checksum of what they
// decode to.
enum : unsigned char { kCompressed = 0x00, kPlain = 0x01, kFirstSkippable = 0x80, kIdentifier = 0xff };

constexpr std::string_view kSnappyName = "sNaPpY", kS2Name = "S2sTwO";
constexpr std::size_t kHead = 4, kChecksum = 4;
constexpr std::size_t kSnappyBlock = 64 << 10, kS2Block = 4 << 20;  // bytes a data chunk may decode to
constexpr std::size_t kMaxChunk = (kS2Block + kS2Block / 6 + 1024);

// CRC-32C, rotated and offset, so that a checksum over data that holds checksums is good too.
std::uint32_t checksum(std::string_view data) {
  const auto crc =
      ~crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(data.data())), static_cast<int>(data.size()), 0xffffffff);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

std::uint32_t little_endian(const char* p, unsigned bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(p[i])) << (8 * i);
  return value;
}

class S2Decoder : public ByteSource {
 public:
  explicit S2Decoder(ByteSource& in) : in_(in) {}

  std::size_t read(char* out, std::size_t size) override {
    while (at_ == block_.size())
      if (!next_chunk()) return 0;
    const auto n = std::min(size, block_.size() - at_);
    std::memcpy(out, block_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  [[noreturn]] static void damaged(const char* why) { throw bad_archive(std::string("not a good s2 stream: ") + why); }

  bool next_chunk() {
    char head[kHead];
    const auto got = in_.read_up_to(head, kHead);
    if (got == 0 && max_block_ == 0) damaged("it is empty");
    // No chunk begins with four zeros: it would be compressed and without a checksum.
    if (max_block_ != 0 && std::all_of(head, head + got, [](char c) { return c == '\0'; })) {
      if (in_.at_end()) return false;
      damaged("something follows the zeros behind it");
    }
    if (got < kHead) damaged("it is cut off");
    const auto type = static_cast<unsigned char>(head[0]);
    const std::size_t length = little_endian(head + 1, 3);
    if (max_block_ == 0 && type != kIdentifier) damaged("it doesn't begin with its name");
    if (type >= kFirstSkippable && type != kIdentifier) return skip(length), true;
    if (length > kMaxChunk) damaged("a chunk is too long");
    chunk_.resize(length);
    if (length > 0 && !in_.read_exactly(chunk_.data(), length, "s2")) damaged("it is cut off");
    if (type == kIdentifier) return identify(), true;
    if (type != kCompressed && type != kPlain) damaged("it has a chunk of an unknown type");
    if (length < kChecksum) damaged("a chunk is too short");
    const std::string_view body = std::string_view(chunk_).substr(kChecksum);
    if (type == kPlain && body.size() > max_block_) damaged("a chunk is too long");
    block_ = type == kCompressed ? decode_s2_block(body, max_block_) : std::string(body);
    at_ = 0;
    if (checksum(block_) != little_endian(chunk_.data(), kChecksum)) damaged("a checksum is wrong");
    return true;
  }

  void identify() {
    if (chunk_ == kSnappyName) max_block_ = kSnappyBlock;
    else if (chunk_ == kS2Name) max_block_ = kS2Block;
    else damaged("it has an unknown name");
  }

  void skip(std::size_t length) {
    while (length > 0) {
      if (!in_.fill()) damaged("it is cut off");
      const auto n = std::min(length, in_.size());
      in_.consume(n);
      length -= n;
    }
  }

  InputBuffer in_;
  std::string chunk_, block_;
  std::size_t at_ = 0;
  std::size_t max_block_ = 0;  // 0: the stream's name hasn't been seen
};

class SnappyEncoder : public ByteSink {
 public:
  explicit SnappyEncoder(ByteSink& out) : out_(out), compressed_(snappy_max_compressed_length(kSnappyBlock)) {
    chunk(kIdentifier, "", kSnappyName);
  }

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, kSnappyBlock - pending_.size());
      pending_ += part;
      bytes.remove_prefix(part.size());
      if (pending_.size() == kSnappyBlock) flush();
    }
  }

  void finish() override {
    if (!pending_.empty()) flush();
    out_.finish();
  }

 private:
  void flush() {
    const auto crc = checksum(pending_);
    char sum[kChecksum];
    for (unsigned i = 0; i < kChecksum; ++i) sum[i] = static_cast<char>(crc >> (8 * i));
    std::size_t size = compressed_.size();
    if (snappy_compress(pending_.data(), pending_.size(), compressed_.data(), &size) != SNAPPY_OK)
      throw Error(ErrorKind::internal, "snappy: compression failed");
    // As the format advises: what doesn't shrink by an eighth is sent as it is.
    if (size < pending_.size() - pending_.size() / 8) chunk(kCompressed, {sum, kChecksum}, {compressed_.data(), size});
    else chunk(kPlain, {sum, kChecksum}, pending_);
    pending_.clear();
  }

  void chunk(unsigned char type, std::string_view sum, std::string_view body) {
    const auto length = sum.size() + body.size();
    const char head[kHead] = {static_cast<char>(type), static_cast<char>(length), static_cast<char>(length >> 8),
                              static_cast<char>(length >> 16)};
    out_.write({head, kHead});
    if (!sum.empty()) out_.write(sum);
    out_.write(body);
  }

  ByteSink& out_;
  std::string pending_;
  std::vector<char> compressed_;
};

}  // namespace

std::unique_ptr<ByteSource> make_s2_decoder(ByteSource& in) { return std::make_unique<S2Decoder>(in); }
std::unique_ptr<ByteSink> make_s2_encoder(ByteSink& out) { return std::make_unique<SnappyEncoder>(out); }

}  // namespace concourse::baggageclaim
