#include "common/http/fd_stream.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/os/unix_socket.hpp"

namespace concourse::http {

namespace {

constexpr std::size_t kBuffer = 128 << 10;
constexpr std::size_t kMaxUnsent = 16 << 10;
constexpr std::size_t kFirstBuffer = 4 << 10;  // most connections carry one small request: grow on demand

// The size of the head at the front of `text`; nothing if its end isn't there. A line break without CR ends it, too: what then
// is no head to the library is refused by it, instead of being waited for.
std::optional<std::size_t> head_size(std::string_view text, std::size_t from) {
  for (auto at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    const auto rest = text.substr(at + 1);
    if (rest.starts_with("\r\n")) return at + 3;
    if (rest.starts_with('\n')) return at + 2;
  }
  return std::nullopt;
}

}  // namespace

UniqueFd FdStream::take_fd() {
  if (epoll_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd_.get(), nullptr);
  epoll_ = -1;
  return std::move(fd_);
}

bool FdStream::watch(int epoll, std::uint32_t events, std::uint64_t token) {
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = token;
  if (::epoll_ctl(epoll, epoll_ < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd_.get(), &event) != 0) return false;
  epoll_ = epoll;
  return true;
}

std::string FdStream::take_leftover() {
  std::string rest(buffer_.data() + begin_, end_ - begin_);
  begin_ = end_ = 0;
  return rest;
}

FdStream::Head FdStream::collect_head(std::size_t max) {
  for (;;) {
    const std::string_view ready(buffer_.data() + begin_, end_ - begin_);
    if (const auto size = head_size(ready, scanned_)) {
      head_size_ = *size;
      scanned_ = 0;
      return *size > max ? Head::too_long : Head::whole;
    }
    scanned_ = ready.size() < 2 ? 0 : ready.size() - 2;  // a line break and a CR may be the first part of the end
    if (ready.size() >= max) return Head::too_long;
    const ssize_t n = receive(max);
    if (n > 0) continue;
    if (n < 0 && errno == EAGAIN) return Head::partial;
    head_size_ = end_ - begin_;
    return Head::ended;
  }
}

void FdStream::begin_head() {
  head_begin_ = begin_;
  budget_ = head_size_;
  scanned_ = 0;
}

void FdStream::shrink() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() == end_) return;
  std::vector<char> smaller(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                            buffer_.begin() + static_cast<std::ptrdiff_t>(end_));
  buffer_.swap(smaller);
  begin_ = 0;
  end_ = buffer_.size();
}

ssize_t FdStream::receive(std::size_t most_buffered) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size() && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == buffer_.size()) buffer_.resize(std::clamp(buffer_.size() * 4, kFirstBuffer, std::max(most_buffered, kFirstBuffer)));
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n > 0) end_ += static_cast<std::size_t>(n);
    return n;
  }
}

bool FdStream::wait_readable() const { return os::wait_for(fd_.get(), POLLIN, read_deadline_.or_in(idle_limit_)); }

bool FdStream::fill() {
  for (;;) {
    const ssize_t n = receive(kBuffer);
    if (n >= 0) return n > 0;
    if (errno != EAGAIN || !wait_readable()) return false;
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
      if (errno != EAGAIN || !wait_readable()) return -1;
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
  if (unsent_.size() + size <= kMaxUnsent) {
    unsent_.append(ptr, size);
    return static_cast<ssize_t>(size);
  }
  const auto head = std::exchange(unsent_, {});
  return write_all({head, std::string_view(ptr, size)}) ? static_cast<ssize_t>(size) : -1;
}

bool FdStream::flush() {
  const auto rest = std::exchange(unsent_, {});
  return write_all({rest});
}

bool FdStream::is_readable() const { return has_buffered() || wait_readable(); }
bool FdStream::is_writable() const { return os::wait_for(fd_.get(), POLLOUT, Deadline::in(idle_limit_)); }

void FdStream::get_remote_ip_and_port(std::string& ip, int& port) const { ip = "local", port = 0; }
void FdStream::get_local_ip_and_port(std::string& ip, int& port) const { ip = "local", port = 0; }

}  // namespace concourse::http
