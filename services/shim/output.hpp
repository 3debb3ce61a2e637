// One output stream of a process: what it wrote, on its way to everybody who reads it.
//
//            delivered_                               end_
//   ………………………|========== buffer ====================|  ← source (pipe or terminal)
//             ↑ base_      ↑ reader a     ↑ reader b
//
// - Every reader gets every byte from where it began. One that attaches while others read begins at end_; one that comes when
//   nobody reads begins at delivered_: what was handed to nobody is delivered late, what was handed out is never sent again
//   (the web appends to what it has).
// - Memory is bounded: with kMaxBuffered bytes owed to the slowest reader (or to nobody) the source isn't read, the pipe fills,
//   and the process waits. Nothing is dropped.
// - Readers end after the process' exit, not before. What it had written is read then, and what its helpers still write (a `tee`
//   that is behind), until the end of the source, a silence, or a limit (Patience), whichever is first. Then the source is closed:
//   who goes on writing gets EPIPE, or EIO from a terminal.
// - The usual case is one client that keeps up. For it the kernel moves pages from the pipe to the socket, and the buffer stays
//   empty; when that client is slow, the pipe fills.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::shim {

class Output {
 public:
  static constexpr std::size_t kMaxBuffered = 1 << 20;
  static constexpr std::size_t kMaxNotes = 4 << 10;  // on top of it, for words of our own

  // How long others than the process may keep its output open after its exit.
  struct Patience {
    Duration silence = std::chrono::seconds(1);  // without a byte
    Duration limit = std::chrono::seconds(5);    // in all
  };

  class Reader {
   private:
    friend class Output;
    std::uint64_t at = 0;  // the next byte it needs
    UniqueFd connection;   // empty until the client has come for it
    std::string head;      // sent before the first byte
    bool blocked = false;  // the socket is full: wait for EPOLLOUT
    bool closed = false;   // the client has gone, or everything was sent
    std::function<void()> on_closed;
  };

  Output(EventLoop& loop, UniqueFd source, Patience patience);
  Output(EventLoop& loop, UniqueFd source) : Output(loop, std::move(source), Patience{}) {}
  ~Output();
  Output(const Output&) = delete;

  // `on_closed` is called once, when the reader's client has got everything or has gone; never from inside add_reader.
  Reader& add_reader(std::function<void()> on_closed);
  // Forgets the reader; what it had not been sent is owed to the next one if nobody else reads.
  void remove_reader(Reader& reader);
  // The client has come: `head` first, then the bytes. A second client for the same reader is refused: false, and `connection`
  // stays the caller's.
  bool connect(Reader& reader, UniqueFd& connection, std::string head);
  // Its client has come.
  static bool connected(const Reader& reader) { return static_cast<bool>(reader.connection); }

  // Words of our own, behind what the process has written so far. Dropped when kMaxNotes of them wait for a slow reader already.
  void note(const std::string& text);
  // The process has exited: read what is left, then end the readers. `on_end`: the source is closed; called once, perhaps at once.
  void process_exited(std::function<void()> on_end = nullptr);
  // Nothing more will come. A process that closes its output early hasn't ended: its readers wait for its exit.
  bool ended() const { return exited_ && !source_; }
  std::size_t buffered() const { return buffer_.size(); }  // bytes

 private:
  void read_source(bool through_buffer = false);
  Reader* only_reader();
  bool move_to(Reader& reader);
  void take(const char* data, std::size_t size);
  void settle();  // moves base_, ends readers, watches the source or not
  bool pump(Reader& reader);
  bool send_some(Reader& reader, const char* data, std::size_t size, std::uint64_t& sent);
  void watch_source(bool on);
  void block(Reader& reader);  // until its socket has room
  void close_reader(Reader& reader);
  void end_source();
  std::size_t waiting_in_source() const;
  void await_silence(Duration rest);
  void take_the_rest();

  EventLoop& loop_;
  const Patience patience_;
  UniqueFd source_;
  bool source_is_pipe_ = false;
  bool watching_ = false;
  bool exited_ = false;
  std::string buffer_;  // bytes [base_, end_)
  std::uint64_t base_ = 0, end_ = 0, delivered_ = 0;
  std::list<Reader> readers_;
  Clock::time_point heard_;  // when the source last had something
  EventLoop::TimerId silence_ = 0, limit_ = 0;
  std::function<void()> on_end_;
};

}  // namespace concourse::shim
