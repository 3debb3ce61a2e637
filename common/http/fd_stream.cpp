#include "common/http/fd_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/os/unix_socket.hpp"

namespace concourse::http {

namespace {
constexpr std::size_t kBuffer = 128 << 10;
constexpr std::size_t kFirstBuffer = 8 << 10;  // most connections carry one small request: grow on demand
}  // namespace

FdStream::FdStream(UniqueFd fd) : fd_(std::move(fd)), buffer_(kFirstBuffer) {}

std::string FdStream::take_leftover() {
  std::string rest(buffer_.data() + begin_, end_ - begin_);
  begin_ = end_ = 0;
  return rest;
}

bool FdStream::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size() && begin_ == 0 && buffer_.size() < kBuffer) buffer_.resize(kBuffer);
  if (end_ == buffer_.size()) return false;
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      // A full small buffer means a body is on its way: read it in larger pieces from now on.
      if (end_ == kFirstBuffer && buffer_.size() == kFirstBuffer) buffer_.resize(kBuffer);
      return true;
    }
    if (n == 0) return false;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !os::wait_for(fd_.get(), POLLIN, Deadline::in(idle_limit_))) return false;
  }
}

std::string_view FdStream::peek() {
  if (begin_ == end_ && !fill()) return {};
  return {buffer_.data() + begin_, end_ - begin_};
}

ssize_t FdStream::read_some(char* out, std::size_t size) {
  if (begin_ == end_ && size >= kBuffer) {  // nothing buffered and a big read: skip the copy
    for (;;) {
      const ssize_t n = ::recv(fd_.get(), out, size, MSG_DONTWAIT);
      if (n >= 0) return n;
      if (errno == EINTR) continue;
      if (errno != EAGAIN || !os::wait_for(fd_.get(), POLLIN, Deadline::in(idle_limit_))) return -1;
    }
  }
  const auto ready = peek();
  if (ready.empty()) return 0;
  const auto n = std::min(size, ready.size());
  std::memcpy(out, ready.data(), n);
  consume(n);
  return static_cast<ssize_t>(n);
}

ssize_t FdStream::read(char* ptr, std::size_t size) {
  if (budget_ == 0) return 0;
  const ssize_t n = read_some(ptr, std::min(size, budget_));
  if (n > 0 && budget_ != SIZE_MAX) budget_ -= static_cast<std::size_t>(n);
  return n;
}

bool FdStream::write_all(std::initializer_list<std::string_view> parts) {
  iovec vectors[8];
  std::size_t count = 0;
  for (const auto part : parts)
    if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
  iovec* next = vectors;
  while (count > 0) {
    msghdr message{};
    message.msg_iov = next;
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno != EAGAIN || !os::wait_for(fd_.get(), POLLOUT, Deadline::in(idle_limit_)))) return false;
    for (auto left = static_cast<std::size_t>(std::max<ssize_t>(sent, 0)); left > 0;) {
      const auto step = std::min(left, next->iov_len);
      next->iov_base = static_cast<char*>(next->iov_base) + step;
      next->iov_len -= step;
      left -= step;
      if (next->iov_len == 0) ++next, --count;
    }
  }
  return true;
}

ssize_t FdStream::write(const char* ptr, std::size_t size) {
  if (muted_) return static_cast<ssize_t>(size);
  return write_all({std::string_view(ptr, size)}) ? static_cast<ssize_t>(size) : -1;
}

bool FdStream::is_readable() const { return has_buffered() || os::wait_for(fd_.get(), POLLIN, Deadline::in(idle_limit_)); }
bool FdStream::is_writable() const { return os::wait_for(fd_.get(), POLLOUT, Deadline::in(idle_limit_)); }

void FdStream::get_remote_ip_and_port(std::string& ip, int& port) const { ip = "local", port = 0; }
void FdStream::get_local_ip_and_port(std::string& ip, int& port) const { ip = "local", port = 0; }

}  // namespace concourse::http
