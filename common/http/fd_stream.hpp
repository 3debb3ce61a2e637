// A connected socket as cpp-httplib's Stream, with a read buffer of our own: a request's head is collected without waiting and
// parsed without system calls, and what a client sent behind its request is known, so that the socket can change hands.
//
// One thread at a time.
#pragma once

#include <httplib.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::http {

class FdStream : public httplib::Stream {
 public:
  explicit FdStream(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  // Also takes it out of the epoll set that watch() put it into: another process may keep the socket open.
  UniqueFd take_fd();
  std::string take_leftover();

  // Has `epoll` report `token` once, at the next of these events. False if the kernel refuses.
  bool watch(int epoll, std::uint32_t events, std::uint64_t token);

  // Collects the head of the next request without waiting. `ended`: the client has closed its side, or the connection is broken,
  // before the head was whole.
  enum class Head { partial, whole, too_long, ended };
  Head collect_head(std::size_t max);
  // For a head that has been collected: what is read next is it and nothing more. rewind() undoes that reading, if nothing was
  // read behind it.
  void begin_head();
  void end_head() { budget_ = SIZE_MAX; }
  void rewind() { begin_ = head_begin_; }
  // Gives back what isn't needed while nobody reads.
  void shrink();
  std::size_t memory() const { return buffer_.capacity(); }

  // For everything that follows: how long one read or write may wait for the peer.
  void set_idle_limit(Duration limit) { idle_limit_ = limit; }
  // For everything that follows: when reads end at the latest, however much has come by then.
  void set_read_deadline(Deadline deadline) { read_deadline_ = deadline; }
  // From now on what is written through the httplib interface is dropped: the response has been, or will be, sent otherwise.
  void mute(bool muted = true) { muted_ = muted; }

  bool has_buffered() const { return begin_ < end_; }
  // Reads into the caller's memory: what is buffered first. 0 at the end of the stream, -1 on error or timeout.
  ssize_t read_some(char* out, std::size_t size);
  // A view of at least one byte of what comes next, buffered; empty at the end or on an error. consume() moves past it.
  std::string_view peek();
  void consume(std::size_t n) { begin_ += n; }
  // Writes all of the parts, in one system call where the socket takes them. False when the peer has gone or is too slow.
  bool write_all(std::initializer_list<std::string_view> parts);

  // Sends what write() has kept back. False as write_all().
  bool flush();

  // httplib::Stream. write() keeps small parts back, so that a head and its body go out in one system call: flush() behind them.
  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* ptr, std::size_t size) override;
  ssize_t write(const char* ptr, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  // The library refuses descriptors it can't select(2) on, and uses this for nothing else: don't tell it the real one.
  socket_t socket() const override { return 0; }

 private:
  // recv(2) into the buffer without waiting: its result, -1 with EAGAIN if nothing is there.
  ssize_t receive(std::size_t most_buffered);
  bool fill();
  bool wait_readable() const;

  UniqueFd fd_;
  int epoll_ = -1;
  std::vector<char> buffer_;
  std::string unsent_;
  std::size_t begin_ = 0, end_ = 0;
  std::size_t head_begin_ = 0, head_size_ = 0;  // of the request that is collected or served
  std::size_t scanned_ = 0;                     // bytes of the head in which its end isn't
  std::size_t budget_ = SIZE_MAX;               // bytes that read() may still give
  Duration idle_limit_ = std::chrono::minutes(5);
  Deadline read_deadline_ = Deadline::never();
  bool muted_ = false;
};

}  // namespace concourse::http
