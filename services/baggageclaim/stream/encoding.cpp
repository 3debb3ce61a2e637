#include "services/baggageclaim/stream/encoding.hpp"

#include "services/baggageclaim/stream/gzip.hpp"
#include "services/baggageclaim/stream/s2.hpp"
#include "services/baggageclaim/stream/zstd.hpp"

namespace concourse::baggageclaim {

namespace {

class RawSource : public ByteSource {
 public:
  explicit RawSource(ByteSource& in) : in_(in) {}
  std::size_t read(char* out, std::size_t size) override { return in_.read(out, size); }

 private:
  ByteSource& in_;
};

class RawSink : public ByteSink {
 public:
  explicit RawSink(ByteSink& out) : out_(out) {}
  void write(std::string_view bytes) override { out_.write(bytes); }
  void finish() override { out_.finish(); }

 private:
  ByteSink& out_;
};

}  // namespace

std::optional<Encoding> parse_encoding(std::string_view name) {
  for (const auto encoding : {Encoding::raw, Encoding::gzip, Encoding::zstd, Encoding::s2})
    if (name == name_of(encoding)) return encoding;
  return std::nullopt;
}

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::raw: return "raw";
    case Encoding::gzip: return "gzip";
    case Encoding::zstd: return "zstd";
    case Encoding::s2: return "s2";
  }
  return "raw";
}

std::unique_ptr<ByteSource> make_decoder(Encoding encoding, ByteSource& in) {
  switch (encoding) {
    case Encoding::raw: break;
    case Encoding::gzip: return make_gzip_decoder(in);
    case Encoding::zstd: return make_zstd_decoder(in);
    case Encoding::s2: return make_s2_decoder(in);
  }
  return std::make_unique<RawSource>(in);
}

std::unique_ptr<ByteSink> make_encoder(Encoding encoding, ByteSink& out) {
  switch (encoding) {
    case Encoding::raw: break;
    case Encoding::gzip: return make_gzip_encoder(out);
    case Encoding::zstd: return make_zstd_encoder(out);
    case Encoding::s2: return make_s2_encoder(out);
  }
  return std::make_unique<RawSink>(out);
}

}  // namespace concourse::baggageclaim
