#pragma once

#include <algorithm>
#include <cstring>
#include <string>
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

  // Between two parts of a stream: false if another one begins here, true at the source's end. Zeros before the end are skipped:
  // tape programs fill up their last block with them, even behind compression. A bad_archive error if anything follows them.
  bool at_end() {
    bool padded = false;
    while (fill()) {
      while (begin_ < end_ && bytes_[begin_] == '\0') ++begin_, padded = true;
      if (begin_ == end_) continue;
      if (padded) throw bad_archive("trailing garbage behind the zeros that end a stream");
      return false;
    }
    return true;
  }

  // As many bytes up to `size` as there are before the source's end.
  std::size_t read_up_to(char* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size && fill()) {
      const auto n = std::min(size - done, this->size());
      std::memcpy(out + done, data(), n);
      consume(n);
      done += n;
    }
    return done;
  }

  // Exactly `size` bytes; false if the source has ended right here; a bad_archive error if it ends in between.
  bool read_exactly(char* out, std::size_t size, const char* format) {
    const auto got = read_up_to(out, size);
    if (got > 0 && got < size) throw bad_archive(std::string(format) + " stream is cut off");
    return got == size;
  }

 private:
  ByteSource& in_;
  std::vector<char> bytes_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace concourse::baggageclaim
