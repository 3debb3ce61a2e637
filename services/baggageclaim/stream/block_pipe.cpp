#include "services/baggageclaim/stream/block_pipe.hpp"

namespace concourse::baggageclaim {

char* BlockPipe::acquire() {
  std::unique_lock lock(mutex_);
  if (filling_) return filling_.get();
  changed_.wait(lock, [this] { return abandoned_ || !free_.empty() || made_ < max_blocks_; });
  if (abandoned_) return nullptr;
  if (!free_.empty()) {
    filling_ = std::move(free_.back());
    free_.pop_back();
  } else {
    filling_ = std::unique_ptr<char[]>(new char[block_size_]);  // not cleared: its pages come as they are written
    ++made_;
  }
  return filling_.get();
}

void BlockPipe::push(std::size_t size) {
  const std::lock_guard lock(mutex_);
  full_.push_back({std::move(filling_), size});
  changed_.notify_all();
}

void BlockPipe::close(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  failure_ = std::move(failure);
  changed_.notify_all();
}

std::string_view BlockPipe::next() {
  std::unique_lock lock(mutex_);
  if (reading_) {
    free_.push_back(std::move(reading_));
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return !full_.empty() || closed_; });
  if (full_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return {};
  }
  const auto size = full_.front().size;
  reading_ = std::move(full_.front().bytes);
  full_.pop_front();
  return {reading_.get(), size};
}

void BlockPipe::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

}  // namespace concourse::baggageclaim
