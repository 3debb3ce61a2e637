#include "services/ctl/process/output_pump.hpp"

#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"

namespace concourse::ctl {

OutputPump::OutputPump(EventLoop& loop, Stream source, int target, std::function<void()> on_change)
    : loop_(loop),
      source_(std::move(source.connection)),
      pending_(std::move(source.early)),
      target_(target),
      on_change_(std::move(on_change)) {
  try {
    // Also while there is nothing to write: the end of a pipe's reader is told at once.
    loop_.watch(target_, 0, [this](std::uint32_t events) { write(events); });
    watching_target_ = true;
  } catch (const SysError& e) {
    watchable_ = false;
    discarding_ = e.error_number() != EPERM;  // else a file, which is always ready
  }
  update();
}

OutputPump::~OutputPump() {
  if (watching_source_) loop_.unwatch(source_.get());
  if (watching_target_) loop_.unwatch(target_);
}

void OutputPump::read() {
  char bytes[65536];
  const auto n = ::recv(source_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) ended_ = true;
  else pending_.assign(bytes, static_cast<std::size_t>(n));
  update();
}

void OutputPump::write(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return give_up(EPIPE);
  if (pending_.empty()) return;
  // A pipe that is writable takes so many bytes without waiting.
  const auto n = ::write(target_, pending_.data(), std::min<std::size_t>(pending_.size(), PIPE_BUF));
  if (n < 0 && errno != EAGAIN && errno != EINTR) return give_up(errno);
  if (n > 0) pending_.erase(0, static_cast<std::size_t>(n));
  update();
}

void OutputPump::give_up(int error_number) {
  if (watching_target_) loop_.unwatch(target_);
  watching_target_ = watchable_ = false;
  broken_ = error_number;
  discarding_ = true;
  update();
  on_change_();
}

void OutputPump::update() {
  while (!watchable_ && !pending_.empty()) {
    const auto n = discarding_ ? static_cast<ssize_t>(pending_.size()) : ::write(target_, pending_.data(), pending_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return give_up(errno);
    pending_.erase(0, static_cast<std::size_t>(n));
  }
  if (watching_target_) loop_.change(target_, pending_.empty() ? 0u : static_cast<std::uint32_t>(EPOLLOUT));
  const bool wanted = pending_.empty() && !ended_;
  if (wanted && !watching_source_) loop_.watch(source_.get(), EPOLLIN, [this](std::uint32_t) { read(); });
  if (!wanted && watching_source_) loop_.unwatch(source_.get());
  watching_source_ = wanted;
  if (ended()) on_change_();
}

}  // namespace concourse::ctl
