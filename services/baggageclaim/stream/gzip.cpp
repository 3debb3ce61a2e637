#include "services/baggageclaim/stream/gzip.hpp"

#include <isa-l/igzip_lib.h>

#include <string>

#include "services/baggageclaim/stream/input_buffer.hpp"

namespace concourse::baggageclaim {

namespace {

std::uint8_t* bytes_of(const char* p) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(p)); }

class GzipDecoder : public ByteSource {
 public:
  explicit GzipDecoder(ByteSource& in) : in_(in) { begin_member(); }

  std::size_t read(char* out, std::size_t size) override {
    state_.next_out = bytes_of(out);
    state_.avail_out = static_cast<std::uint32_t>(std::min<std::size_t>(size, 1 << 30));
    const auto wanted = state_.avail_out;
    while (state_.avail_out == wanted) {
      if (state_.block_state == ISAL_BLOCK_FINISH) {
        if (in_.at_end()) return 0;
        begin_member();
        first_member_ = false;
      }
      // What didn't fit into the last output comes without new input.
      if (!pending_ && !in_.fill()) throw bad_archive("gzip stream is cut off");
      inflate();
      pending_ = state_.avail_out == 0;
    }
    return wanted - state_.avail_out;
  }

 private:
  void begin_member() {
    const auto* next_out = state_.next_out;
    const auto avail_out = state_.avail_out;
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;  // header and trailer are ISA-L's to read and check
    state_.next_out = const_cast<std::uint8_t*>(next_out);
    state_.avail_out = avail_out;
  }

  void inflate() {
    state_.next_in = bytes_of(in_.data());
    state_.avail_in = static_cast<std::uint32_t>(in_.size());
    const int result = isal_inflate(&state_);
    in_.consume(in_.size() - state_.avail_in);
    if (result < 0)
      throw bad_archive(std::string(first_member_ ? "not a good gzip stream" : "trailing garbage behind a gzip stream") +
                        " (ISA-L error " + std::to_string(result) + ")");
  }

  InputBuffer in_;
  inflate_state state_{};
  bool first_member_ = true;
  bool pending_ = false;
};

class GzipEncoder : public ByteSink {
 public:
  explicit GzipEncoder(ByteSink& out) : out_(out), level_buffer_(ISAL_DEF_LVL1_DEFAULT), buffer_(256 << 10) {
    isal_deflate_init(&stream_);
    stream_.gzip_flag = IGZIP_GZIP;
    stream_.level = 1;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
  }

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, 1 << 30);
      stream_.next_in = bytes_of(part.data());
      stream_.avail_in = static_cast<std::uint32_t>(part.size());
      do deflate();
      while (stream_.avail_in > 0);
      bytes.remove_prefix(part.size());
    }
  }

  void finish() override {
    stream_.end_of_stream = 1;
    stream_.avail_in = 0;
    do deflate();
    while (stream_.internal_state.state != ZSTATE_END);
    out_.finish();
  }

 private:
  void deflate() {
    stream_.next_out = bytes_of(buffer_.data());
    stream_.avail_out = static_cast<std::uint32_t>(buffer_.size());
    if (const int result = isal_deflate(&stream_); result != COMP_OK)
      throw Error(ErrorKind::internal, "gzip: ISA-L error " + std::to_string(result));
    if (const auto made = buffer_.size() - stream_.avail_out; made > 0) out_.write({buffer_.data(), made});
  }

  ByteSink& out_;
  isal_zstream stream_{};
  std::vector<std::uint8_t> level_buffer_;
  std::vector<char> buffer_;
};

}  // namespace

std::unique_ptr<ByteSource> make_gzip_decoder(ByteSource& in) { return std::make_unique<GzipDecoder>(in); }
std::unique_ptr<ByteSink> make_gzip_encoder(ByteSink& out) { return std::make_unique<GzipEncoder>(out); }

}  // namespace concourse::baggageclaim
