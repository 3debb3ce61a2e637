// One connection that the TSA carried to us, joined to a local service.
//
//   TSA ── SSH channel ── to_local_ ──▶ local socket       at most one read's worth is held here; while it waits the channel isn't
//   read,
//                                                          so its window runs out and the far sender stops
//   TSA ◀─ SSH channel ── to_remote_ ── local socket       the same the other way: while it waits the socket isn't read
//
// Life: connecting (the service may be restarting: wait, up to a limit) → open → closing (our close is sent, the TSA's is awaited).
// The TSA takes an EOF for the end of both directions and never sends one itself, so there is no half-closed state: when either
// side ends, what it sent is delivered, and then both end. The local side always sees a plain end of stream.
#pragma once

#include <libssh2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "services/beacon/local_connection.hpp"
#include "services/beacon/options.hpp"

namespace concourse::beacon {

class Link;

class ForwardedChannel {
 public:
  // Takes the channel. `link` owns us.
  ForwardedChannel(Link& link, LIBSSH2_CHANNEL* channel, const LocalTarget& target);
  ~ForwardedChannel();  // the local side is ended; the channel itself goes with the session

  // Moves what can be moved, both ways. True when both sides have ended and nothing is left. Throws Error(unavailable) when the
  // connection to the TSA is broken.
  bool pump();

  // Once a second, more often while connecting: looks at the limits.
  void tick();

  // The SSH connection is gone: what has come so far is given to the local side as far as it takes it at once.
  void abandon();

  // True if the connection can be ended now without harm: nothing has moved on it for `quiet` and no answer is owed, so that it is
  // only kept for later requests; or, with streams_too, it carries the streams of a process, which the web takes up again.
  enum class Cut { idle, streams_too };
  bool can_be_cut(Cut what, Duration quiet) const;
  // Ends the connection without losing what the local side has sent: it can send no more, what it sent goes out, then the end.
  void cut();

  bool connecting() const { return phase_ == Phase::connecting; }

 private:
  enum class Phase { connecting, open, closing, done };
  // What the request on the connection is for, as far as its first line tells.
  enum class Kind { plain, process_stream, bulk };

  void try_connect();
  void receive();  // channel → local
  void send();     // local → channel
  bool flush_to_local();
  std::size_t write_remote(std::string_view bytes);
  void classify(std::string_view request);
  void begin_close(const char* why);
  void watch();

  Link& link_;
  LIBSSH2_CHANNEL* channel_;
  const LocalTarget& target_;
  std::unique_ptr<LocalConnection> connection_;  // while connecting
  UniqueFd local_;
  Phase phase_ = Phase::connecting;
  std::uint32_t watched_ = 0;  // events
  std::string to_local_, to_remote_;
  bool local_readable_ = true;  // may have something: asking each time would cost a system call for every idle connection
  bool local_ended_ = false;    // it will send no more
  bool local_deaf_ = false;     // it takes no more
  bool remote_ended_ = false;
  Kind kind_ = Kind::plain;
  bool owes_answer_ = false;  // the last bytes came from the far side
  bool answered_ = false;
  Clock::time_point opened_ = Clock::now(), last_moved_ = opened_, remote_ended_at_{};
};

}  // namespace concourse::beacon
