#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/error.hpp"
#include "services/baggageclaim/stream/block_pipe.hpp"

namespace concourse::baggageclaim {

// Packs what is written into the pipe's blocks. Throws Error(cancelled) once nobody reads any more.
class Packer {
 public:
  explicit Packer(BlockPipe& out) : out_(out) {}

  // Room for at least one byte, to be filled and then taken.
  char* room(std::size_t& size) {
    if (block_ == nullptr && (block_ = out_.acquire()) == nullptr) throw Error(ErrorKind::cancelled, "nobody reads any more");
    size = out_.block_size() - used_;
    return block_ + used_;
  }
  void take(std::size_t size) {
    used_ += size;
    if (used_ == out_.block_size()) flush();
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t size = 0;
      char* to = room(size);
      size = std::min(size, bytes.size());
      std::memcpy(to, bytes.data(), size);
      bytes.remove_prefix(size);
      take(size);
    }
  }
  void zeros(std::uint64_t count) {
    while (count > 0) {
      std::size_t size = 0;
      char* to = room(size);
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, count));
      std::memset(to, 0, size);
      count -= size;
      take(size);
    }
  }
  void flush() {
    if (block_ == nullptr || used_ == 0) return;
    out_.push(used_);
    block_ = nullptr;
    used_ = 0;
  }

 private:
  BlockPipe& out_;
  char* block_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace concourse::baggageclaim
