#pragma once

#include <cstring>
#include <vector>

#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim {

// What a decoder has read of its source and not yet consumed.
class InputBuffer {
 public:
  explicit InputBuffer(ByteSource& in, std::size_t size = 256 << 10) : in_(in), bytes_(size) {}

  // Reads more if nothing is left. False at the source's end.
  bool fill() {
    if (begin_ < end_) return true;
    begin_ = 0;
    end_ = in_.read(bytes_.data(), bytes_.size());
    return end_ > 0;
  }
  const char* data() const { return bytes_.data() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  void consume(std::size_t n) { begin_ += n; }

  // Exactly `size` bytes; false if the source has ended right here; a bad_archive error if it ends in between.
  bool read_exactly(char* out, std::size_t size, const char* format) {
    for (std::size_t done = 0; done < size;) {
      if (!fill()) {
        if (done == 0) return false;
        throw bad_archive(std::string(format) + " stream is cut off");
      }
      const auto n = std::min(size - done, this->size());
      std::memcpy(out + done, data(), n);
      consume(n);
      done += n;
    }
    return true;
  }

 private:
  ByteSource& in_;
  std::vector<char> bytes_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace concourse::baggageclaim
