#include "services/shim/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "services/shim/linger.hpp"

namespace concourse::shim {

namespace {
constexpr std::size_t kChunk = 256 << 10;
constexpr int kChunksAtOnce = 8;  // then other descriptors get their turn
}  // namespace

Output::Output(EventLoop& loop, UniqueFd source, Patience patience) : loop_(loop), patience_(patience), source_(std::move(source)) {
  if (!source_) return;
  struct stat st {};
  source_is_pipe_ = fstat(source_.get(), &st) == 0 && S_ISFIFO(st.st_mode);
  fcntl(source_.get(), F_SETFL, fcntl(source_.get(), F_GETFL) | O_NONBLOCK);
  watch_source(true);
}

Output::~Output() {
  watch_source(false);
  loop_.cancel(silence_);
  loop_.cancel(limit_);
  for (auto& reader : readers_)
    if (reader.connection) loop_.unwatch(reader.connection.get());
}

void Output::watch_source(bool on) {
  if (!source_ || on == watching_) return;
  watching_ = on;
  if (on) loop_.watch(source_.get(), EPOLLIN, [this](std::uint32_t) { read_source(); });
  else loop_.unwatch(source_.get());
}

void Output::end_source() {
  watch_source(false);
  source_.reset();
  loop_.cancel(std::exchange(silence_, 0));
  loop_.cancel(std::exchange(limit_, 0));
  if (const auto on_end = std::exchange(on_end_, nullptr)) on_end();
}

void Output::process_exited(std::function<void()> on_end) {
  exited_ = true;
  on_end_ = std::move(on_end);
  if (source_) {
    limit_ = loop_.after(patience_.limit, [this] { take_the_rest(); });
    heard_ = Clock::now();
    await_silence(patience_.silence);
    if (end_ - base_ < kMaxBuffered) read_source();
  } else if (const auto at_once = std::exchange(on_end_, nullptr)) {
    at_once();
  }
  settle();
}

void Output::await_silence(Duration rest) {
  silence_ = loop_.after(rest, [this] {
    if (waiting_in_source() > 0) return await_silence(patience_.silence);  // for a slow reader
    const auto quiet_for = Clock::now() - heard_;
    if (quiet_for < patience_.silence) return await_silence(patience_.silence - quiet_for);
    end_source();
    settle();
  });
}

std::size_t Output::waiting_in_source() const {
  int waiting = 0;
  return ioctl(source_.get(), FIONREAD, &waiting) == 0 && waiting > 0 ? static_cast<std::size_t>(waiting) : 0;
}

// What is in the source when time is up is read, whether or not its reader is slow: a pipe holds no more than the buffer may.
void Output::take_the_rest() {
  std::string chunk(std::min(waiting_in_source(), kMaxBuffered), '\0');
  std::size_t done = 0;
  while (done < chunk.size()) {
    const ssize_t n = ::read(source_.get(), chunk.data() + done, chunk.size() - done);
    if (n > 0) done += static_cast<std::size_t>(n);
    else if (n == 0 || errno != EINTR) break;
  }
  take(chunk.data(), done);
  end_source();
  settle();
}

void Output::note(const std::string& text) {
  if (exited_) return;
  if (end_ - base_ < kMaxBuffered) read_source(true);
  if (end_ - base_ + text.size() > kMaxBuffered + kMaxNotes) return;
  take(text.data(), text.size());
  settle();
}

// The one to whom everything goes as it comes; null if somebody else is owed something, or words of our own come first.
Output::Reader* Output::only_reader() {
  Reader* only = nullptr;
  for (auto& reader : readers_) {
    if (reader.closed) continue;
    if (only != nullptr) return nullptr;
    only = &reader;
  }
  const bool ready = source_is_pipe_ && only != nullptr && only->connection && only->at == end_ && only->head.empty();
  return ready ? only : nullptr;
}

// Pages from the pipe to the reader's socket. False when there is nothing more to move.
bool Output::move_to(Reader& reader) {
  const ssize_t n = ::splice(source_.get(), nullptr, reader.connection.get(), nullptr, kMaxBuffered, SPLICE_F_NONBLOCK);
  if (n > 0) {
    end_ += static_cast<std::uint64_t>(n);
    reader.at = base_ = end_;
    heard_ = Clock::now();
    return true;
  }
  if (n == 0) {
    end_source();
  } else if (errno == EAGAIN) {
    if (waiting_in_source() > 0) block(reader);
  } else if (errno == EINVAL) {
    source_is_pipe_ = false;  // not with this socket
    return true;
  } else if (errno != EINTR) {
    close_reader(reader);
  }
  return false;
}

void Output::read_source(bool through_buffer) {
  static char chunk[kChunk];  // one thread
  for (int i = 0; source_ && i < kChunksAtOnce && end_ - base_ < kMaxBuffered; ++i) {
    if (auto* reader = through_buffer ? nullptr : only_reader()) {
      if (reader->blocked || !move_to(*reader)) break;
      continue;
    }
    const auto room = std::min<std::size_t>(kChunk, kMaxBuffered - static_cast<std::size_t>(end_ - base_));
    const ssize_t n = ::read(source_.get(), chunk, room);
    if (n > 0) {
      take(chunk, static_cast<std::size_t>(n));
      heard_ = Clock::now();
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      break;
    } else {
      end_source();  // the end of a pipe; EIO is a terminal's
    }
  }
  settle();
}

// New bytes: straight to those readers who have everything before them, into the buffer for the others.
void Output::take(const char* data, std::size_t size) {
  const auto old_end = end_;
  end_ += size;
  std::uint64_t needed = end_;
  bool someone = false;
  for (auto& reader : readers_) {
    if (reader.closed) continue;
    someone = true;
    if (reader.at == old_end && reader.connection && !reader.blocked && reader.head.empty()) {
      std::uint64_t sent = 0;
      send_some(reader, data, size, sent);
      reader.at += sent;
    }
    needed = std::min(needed, reader.at);
  }
  std::size_t skip = 0;
  if (buffer_.empty()) {
    base_ = someone ? std::max(needed, old_end) : old_end;
    skip = static_cast<std::size_t>(base_ - old_end);
  }
  buffer_.append(data + skip, size - skip);
}

void Output::settle() {
  std::uint64_t needed = end_;
  bool someone = false;
  for (auto& reader : readers_) {
    if (!reader.closed) pump(reader);
    if (reader.closed) continue;
    someone = true;
    needed = std::min(needed, reader.at);
    if (ended() && reader.connection && reader.at == end_ && reader.head.empty()) close_reader(reader);
  }
  if (!someone) needed = std::clamp(delivered_, base_, end_);
  if (needed > base_) {
    buffer_.erase(0, static_cast<std::size_t>(needed - base_));
    base_ = needed;
    if (buffer_.empty() && buffer_.capacity() > kChunk) buffer_ = std::string();
  }
  const auto* reader = only_reader();
  watch_source(end_ - base_ < kMaxBuffered && (reader == nullptr || !reader->blocked));
}

void Output::block(Reader& reader) {
  reader.blocked = true;
  loop_.change(reader.connection.get(), EPOLLOUT | EPOLLRDHUP);
}

bool Output::send_some(Reader& reader, const char* data, std::size_t size, std::uint64_t& sent) {
  while (sent < size) {
    const ssize_t n = ::send(reader.connection.get(), data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<std::uint64_t>(n);
    } else if (errno == EAGAIN) {
      block(reader);
      return true;
    } else if (errno != EINTR) {
      close_reader(reader);
      return false;
    }
  }
  return true;
}

bool Output::pump(Reader& reader) {
  if (!reader.connection || reader.blocked) return true;
  if (!reader.head.empty()) {
    std::uint64_t sent = 0;
    if (!send_some(reader, reader.head.data(), reader.head.size(), sent)) return false;
    reader.head.erase(0, static_cast<std::size_t>(sent));
    if (reader.blocked) return true;
  }
  if (reader.at >= end_) return true;
  std::uint64_t sent = 0;
  const auto offset = static_cast<std::size_t>(reader.at - base_);
  const bool alive = send_some(reader, buffer_.data() + offset, buffer_.size() - offset, sent);
  reader.at += sent;
  return alive;
}

Output::Reader& Output::add_reader(std::function<void()> on_closed) {
  const bool others = std::any_of(readers_.begin(), readers_.end(), [](const auto& r) { return !r.closed; });
  auto& reader = readers_.emplace_back();
  reader.at = others ? end_ : std::clamp(delivered_, base_, end_);
  reader.on_closed = std::move(on_closed);
  return reader;
}

bool Output::connect(Reader& reader, UniqueFd& connection, std::string head) {
  if (reader.connection || reader.closed) return false;
  reader.connection = std::move(connection);
  reader.head = std::move(head);
  fcntl(reader.connection.get(), F_SETFL, fcntl(reader.connection.get(), F_GETFL) | O_NONBLOCK);  // splice asks it only
  loop_.watch(reader.connection.get(), EPOLLRDHUP, [this, &reader](std::uint32_t events) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
      close_reader(reader);
    } else if ((events & EPOLLOUT) != 0) {
      reader.blocked = false;
      loop_.change(reader.connection.get(), EPOLLRDHUP);
    }
    settle();
  });
  settle();
  return true;
}

void Output::close_reader(Reader& reader) {
  if (reader.closed) return;
  reader.closed = true;
  delivered_ = std::max(delivered_, reader.at);
  if (reader.connection) {
    loop_.unwatch(reader.connection.get());
    linger(loop_, std::move(reader.connection));
  }
  // Later: the owner may remove us, and we may be in the middle of a walk over the readers.
  if (reader.on_closed) loop_.post(std::move(reader.on_closed));
}

void Output::remove_reader(Reader& reader) {
  reader.on_closed = nullptr;
  close_reader(reader);
  readers_.remove_if([&](const auto& r) { return &r == &reader; });
  settle();
}

}  // namespace concourse::shim
