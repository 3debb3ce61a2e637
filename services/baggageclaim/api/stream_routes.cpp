#include "services/baggageclaim/api/stream_routes.hpp"

#include <charconv>
#include <cmath>
#include <memory>
#include <optional>

#include "common/daemon/log.hpp"
#include "services/baggageclaim/stream/stream_in.hpp"
#include "services/baggageclaim/stream/stream_out.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr double kMiB = 1 << 20;
constexpr double kMaxLimit = 9007199254740992.0 / kMiB;  // 2^53 bytes: beyond it a float doesn't count bytes any more

// The `limit` parameter, MiB as a decimal fraction, in bytes. Nothing: no limit.
std::optional<std::uint64_t> parse_limit(const http::Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(value) || value < 0 || value > kMaxLimit)
    throw ClientError(400, "invalid limit " + *text, "invalid limit '" + *text + "'");
  if (value == 0) return std::nullopt;
  return static_cast<std::uint64_t>(value * kMiB);
}

// The request's body, with the client's limit on the bytes sent.
class WireSource : public ByteSource {
 public:
  WireSource(http::BodyReader& body, std::optional<std::uint64_t> limit) : body_(body), limit_(limit) {}

  std::size_t read(char* out, std::size_t size) override {
    const auto n = body_.read(out, size);
    count_ += n;
    if (limit_ && count_ > *limit_) {
      const auto amount = *limit_ < (1 << 20) ? std::to_string(*limit_) + "B" : std::to_string(*limit_ >> 20) + "MB";
      throw ClientError(403, "exceeded volume streaming limit of " + amount, "stream is longer than its limit");
    }
    return n;
  }

 private:
  http::BodyReader& body_;
  const std::optional<std::uint64_t> limit_;
  std::uint64_t count_ = 0;
};

class ReplySink : public ByteSink {
 public:
  explicit ReplySink(http::ChunkWriter& writer) : writer_(writer) {}
  void write(std::string_view bytes) override {
    if (!writer_.write(bytes)) throw Error(ErrorKind::cancelled, "the client has gone");
  }
  void finish() override {
    if (!writer_.finish()) throw Error(ErrorKind::cancelled, "the client has gone");
  }

 private:
  http::ChunkWriter& writer_;
};

Encoding encoding_of(const std::string& header) {
  const auto encoding = parse_encoding(header);
  if (!encoding) throw bad_request("unsupported encoding '" + header + "': gzip, zstd, s2 or raw");
  return *encoding;
}

}  // namespace

void stream_into_volume(Service& service, http::Request& request, http::Reply& reply) {
  const auto limit = parse_limit(request);
  const auto volume = service.volumes.open_for_stream_in(request.capture("handle"));
  service.disk.check();
  const auto encoding = encoding_of(request.header("Content-Encoding"));
  WireSource wire(request.reader(), limit);
  const ExtractOptions options{
      .view = volume.view, .devices = !volume.view.shifted(), .limits = service.limits, .implicit_mode = 0755, .room = [&service] {
        service.disk.check();
      }};
  stream_in(volume.dir, volume.root.get(), request.query_value("path").value_or(""), wire, encoding, options,
            service.syncer.boot_id());
  service.syncer.release(volume.dir.handle);
  reply.status = 204;
}

void stream_out_of_volume(Service& service, http::Request& request, http::Reply& reply) {
  const auto volume = service.volumes.open(request.capture("handle"));
  const auto encoding = encoding_of(request.header("Accept-Encoding"));
  const auto source = std::make_shared<TarSource>(open_tar_source(volume.root.get(), request.query_value("path").value_or("")));
  reply.content_type = "application/octet-stream";
  reply.stream([view = volume.view, encoding, source](http::ChunkWriter& writer) {
    ReplySink sink(writer);
    stream_out(std::move(*source), view, encoding, sink);
  });
}

}  // namespace concourse::baggageclaim
