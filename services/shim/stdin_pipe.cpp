#include "services/shim/stdin_pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace concourse::shim {

StdinPipe::StdinPipe(EventLoop& loop, UniqueFd sink, std::function<void()> on_room)
    : loop_(loop), sink_(std::move(sink)), on_room_(std::move(on_room)) {
  if (sink_) fcntl(sink_.get(), F_SETFL, fcntl(sink_.get(), F_GETFL) | O_NONBLOCK);
}

StdinPipe::~StdinPipe() {
  if (watching_) loop_.unwatch(sink_.get());
}

void StdinPipe::drop() {
  if (std::exchange(watching_, false)) loop_.unwatch(sink_.get());
  closing_ = true;
  queue_.clear();
  sink_.reset();
}

void StdinPipe::write(std::string_view bytes) {
  if (!sink_ || closing_) return;
  queue_.append(bytes);
  flush();
}

void StdinPipe::close() {
  closing_ = true;
  flush();
}

void StdinPipe::flush() {
  const bool was_full = full();
  std::size_t done = 0;
  while (sink_ && done < queue_.size()) {
    const ssize_t n = ::write(sink_.get(), queue_.data() + done, queue_.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      done = queue_.size();  // nobody reads any more
      closing_ = true;
    }
  }
  queue_.erase(0, done);
  const bool wait = sink_ && !queue_.empty();
  if (wait && !watching_) loop_.watch(sink_.get(), EPOLLOUT, [this](std::uint32_t) { flush(); });
  if (!wait && watching_) loop_.unwatch(sink_.get());
  watching_ = wait;
  if (closing_ && queue_.empty()) sink_.reset();
  if (was_full && !full()) on_room_();
}

}  // namespace concourse::shim
