// The way into a process: what clients send, written to its stdin pipe or its terminal as fast as it reads.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::shim {

class StdinPipe {
 public:
  // `on_room` is called when a full queue has emptied.
  StdinPipe(EventLoop& loop, UniqueFd sink, std::function<void()> on_room);
  ~StdinPipe();
  StdinPipe(const StdinPipe&) = delete;

  // Queues what can't be written at once. Bytes for a process that has closed its stdin are dropped.
  void write(std::string_view bytes);
  // True when so much is queued that no client should be read until on_room.
  bool full() const { return queue_.size() >= kMaxQueued; }
  // End of input, once the queue is written.
  void close();
  // At once: nobody is left to read it.
  void drop();

 private:
  static constexpr std::size_t kMaxQueued = 256 << 10;
  void flush();

  EventLoop& loop_;
  UniqueFd sink_;
  std::function<void()> on_room_;
  std::string queue_;
  bool watching_ = false;
  bool closing_ = false;
};

}  // namespace concourse::shim
