#include "services/baggageclaim/stream/zstd.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "services/baggageclaim/stream/input_buffer.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr int kLevel = 1;          // about half the time of 3, and a few percent more bytes
constexpr int kWindowLog = 21;     // 2 MiB: more than the level's own, and costs nothing
constexpr int kJobSize = 4 << 20;  // of one worker; the memory is about three of them each
constexpr int kMaxWindowLog = 25;  // 32 MiB, which the sender makes us hold; encoders use 8 MiB unless told otherwise
constexpr unsigned kMaxWorkers = 4;

class ZstdDecoder : public ByteSource {
 public:
  explicit ZstdDecoder(ByteSource& in) : in_(in), context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  std::size_t read(char* out, std::size_t size) override {
    ZSTD_outBuffer output{out, size, 0};
    while (output.pos == 0) {
      // What the decoder still holds comes without new input.
      if (!pending_ && !in_.fill()) {
        if (in_frame_) throw bad_archive("zstd stream is cut off");
        if (!any_frame_) throw bad_archive("zstd stream is empty");
        return 0;
      }
      if (any_frame_ && !in_frame_ && in_.at_end()) return 0;
      ZSTD_inBuffer input{in_.data(), in_.size(), 0};
      const auto result = ZSTD_decompressStream(context_.get(), &output, &input);
      if (ZSTD_isError(result)) throw bad_archive(std::string("not a good zstd stream: ") + ZSTD_getErrorName(result));
      in_.consume(input.pos);
      in_frame_ = result != 0;
      any_frame_ = true;
      pending_ = output.pos == output.size && in_frame_;
    }
    return output.pos;
  }

 private:
  InputBuffer in_;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  bool in_frame_ = false, any_frame_ = false;
  bool pending_ = false;  // the output was full: there may be more
};

class ZstdEncoder : public ByteSink {
 public:
  explicit ZstdEncoder(ByteSink& out) : out_(out), context_(ZSTD_createCCtx(), ZSTD_freeCCtx), buffer_(256 << 10) {
    set(ZSTD_c_compressionLevel, kLevel);
    set(ZSTD_c_windowLog, kWindowLog);
    set(ZSTD_c_checksumFlag, 1);
    const auto processors = std::max(1u, std::thread::hardware_concurrency());
    if (processors < 2) return;
    set(ZSTD_c_nbWorkers, static_cast<int>(std::min(processors, kMaxWorkers)));
    set(ZSTD_c_jobSize, kJobSize);
  }

  void write(std::string_view bytes) override {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    while (input.pos < input.size) compress(input, ZSTD_e_continue);
  }

  void finish() override {
    ZSTD_inBuffer input{nullptr, 0, 0};
    while (compress(input, ZSTD_e_end) != 0) {
    }
    out_.finish();
  }

 private:
  // A libzstd without threads refuses workers; everything else is accepted by all of them.
  void set(ZSTD_cParameter parameter, int value) { (void)ZSTD_CCtx_setParameter(context_.get(), parameter, value); }

  std::size_t compress(ZSTD_inBuffer& input, ZSTD_EndDirective directive) {
    ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
    const auto left = ZSTD_compressStream2(context_.get(), &output, &input, directive);
    if (ZSTD_isError(left)) throw Error(ErrorKind::internal, std::string("zstd: ") + ZSTD_getErrorName(left));
    if (output.pos > 0) out_.write({buffer_.data(), output.pos});
    return left;
  }

  ByteSink& out_;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
  std::vector<char> buffer_;
};

}  // namespace

std::unique_ptr<ByteSource> make_zstd_decoder(ByteSource& in) { return std::make_unique<ZstdDecoder>(in); }
std::unique_ptr<ByteSink> make_zstd_encoder(ByteSink& out) { return std::make_unique<ZstdEncoder>(out); }

}  // namespace concourse::baggageclaim
