// A bounded hand-over of byte blocks from one thread to another: two stages of a stream work at the same time, and neither runs
// ahead of the other by more than a few blocks.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace concourse::baggageclaim {

// One producer, one consumer. The memory is `blocks` times `block_size`, taken as it is needed.
class BlockPipe {
 public:
  static constexpr std::size_t kBlockSize = 512 << 10;
  explicit BlockPipe(std::size_t blocks = 4, std::size_t block_size = kBlockSize) : max_blocks_(blocks), block_size_(block_size) {}

  std::size_t block_size() const { return block_size_; }

  // Producer: a free block to fill, waiting for one; nullptr once the consumer has given up. Then push() what was filled.
  char* acquire();
  void push(std::size_t size);
  // The end: clean, or the exception that next() shall throw.
  void close(std::exception_ptr failure = nullptr);

  // Consumer: the next block, valid until the next call; empty at the clean end. Rethrows the producer's failure.
  std::string_view next();
  // Nothing more is wanted.
  void abandon();

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };

  const std::size_t max_blocks_, block_size_;
  std::mutex mutex_;  // guards the rest, not the bytes of the blocks handed out
  std::condition_variable changed_;
  std::vector<std::unique_ptr<char[]>> free_;
  std::deque<Block> full_;
  std::size_t made_ = 0;
  std::unique_ptr<char[]> filling_, reading_;
  bool closed_ = false, abandoned_ = false;
  std::exception_ptr failure_;
};

}  // namespace concourse::baggageclaim
