// Bytes in and out, pulled and pushed: what codecs, archives, sockets and files are to each other.
#pragma once

#include <cstddef>
#include <string_view>

namespace concourse::baggageclaim {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `size` bytes, at least one; 0 at the clean end and ever after. Throws where the stream is broken.
  virtual std::size_t read(char* out, std::size_t size) = 0;
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Throws where the bytes can't be delivered.
  virtual void write(std::string_view bytes) = 0;
  // The clean end; nothing may be written afterwards. A sink dropped without it leaves a stream that is visibly broken.
  virtual void finish() = 0;
};

}  // namespace concourse::baggageclaim
