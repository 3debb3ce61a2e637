// Streams of bytes in memory, for tests and fuzzers.
#pragma once

#include <algorithm>
#include <string>

#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim::testing {

class StringSource : public ByteSource {
 public:
  // Gives at most `piece` bytes a read, to try all boundaries.
  explicit StringSource(std::string text, std::size_t piece = SIZE_MAX) : text_(std::move(text)), piece_(piece) {}
  std::size_t read(char* out, std::size_t size) override {
    const auto n = std::min({size, piece_, text_.size() - at_});
    text_.copy(out, n, at_);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t piece_, at_ = 0;
};

class StringSink : public ByteSink {
 public:
  std::string text;
  bool finished = false;
  void write(std::string_view bytes) override { text += bytes; }
  void finish() override { finished = true; }
};

inline std::string drain(ByteSource& source, std::size_t piece = 70'000) {
  std::string all, buffer(piece, '\0');
  while (const auto n = source.read(buffer.data(), buffer.size())) all.append(buffer, 0, n);
  return all;
}

}  // namespace concourse::baggageclaim::testing
