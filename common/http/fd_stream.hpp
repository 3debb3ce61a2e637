// A connected socket as cpp-httplib's Stream, with a read buffer of our own: a request's head is parsed without a system
// call per byte, and what a client sent behind its request is known, so that the socket can change hands.
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
  explicit FdStream(UniqueFd fd);

  int fd() const { return fd_.get(); }
  UniqueFd take_fd() { return std::move(fd_); }
  std::string take_leftover();

  // For everything that follows: how long one read or write may wait for the peer.
  void set_idle_limit(Duration limit) { idle_limit_ = limit; }
  // The most bytes that may be read until the limit is set anew; more is an end of stream. Bounds a request's head.
  void set_read_budget(std::size_t bytes) { budget_ = bytes; }
  // From now on what is written through the httplib interface is dropped: the response has been, or will be, sent otherwise.
  void mute() { muted_ = true; }
  bool muted() const { return muted_; }

  bool has_buffered() const { return begin_ < end_; }
  // Reads into the caller's memory: what is buffered first. 0 at the end of the stream, -1 on error or timeout.
  ssize_t read_some(char* out, std::size_t size);
  // A view of at least one byte of what comes next, buffered; empty at the end or on an error. consume() moves past it.
  std::string_view peek();
  void consume(std::size_t n) { begin_ += n; }
  // Writes all of the parts, in one system call where the socket takes them. False when the peer has gone or is too slow.
  bool write_all(std::initializer_list<std::string_view> parts);

  // httplib::Stream
  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* ptr, std::size_t size) override;
  ssize_t write(const char* ptr, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  // The library refuses descriptors it can't select(2) on, and uses this for nothing else: don't tell it the real one.
  socket_t socket() const override { return 0; }

 private:
  bool fill();

  UniqueFd fd_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::size_t budget_ = SIZE_MAX;
  Duration idle_limit_ = std::chrono::minutes(5);
  bool muted_ = false;
};

}  // namespace concourse::http
