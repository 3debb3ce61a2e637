// One SSH session with a TSA, by libssh2, never blocking.
//
// Every step is asked for again and again until it is done: it returns false when it has to wait for the socket, which the caller
// watches for poll_events(). So the same steps serve an event loop and a program that just waits (wait_until_done).
// One thread at a time.
#pragma once

#include <libssh2.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "common/ssh/tsa_options.hpp"

namespace concourse::ssh {

struct Traffic {
  std::uint64_t in = 0, out = 0;  // encrypted bytes of the connection
  Clock::time_point last_in = Clock::now();
};

class Session {
 public:
  // Takes a connected, non-blocking socket. `host` names the peer in messages. `options` must outlive the session.
  Session(UniqueFd socket, std::string host, const TsaOptions& options);
  ~Session();  // cuts the connection
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Begins a turn of the caller, in which at most a mebibyte is received and an empty socket is not asked again: then every step
  // says that it has to wait. So a peer that never stops sending takes no deadline and no event loop away, and the many steps of a
  // turn cost one call for nothing. handshake() and authenticate() do it.
  void begin_turn() { receivable_ = kTurn; }

  // Key exchange, then the host key check. Throws Error(invalid) for a key that isn't pinned, unavailable for a broken connection.
  bool handshake();
  // Public key authentication as `beacon`. Throws Error(invalid) when the key is refused.
  bool authenticate();

  // Tells the peer that we leave, as far as the socket takes it at once.
  void disconnect(const char* reason);

  LIBSSH2_SESSION* get() const { return session_.get(); }
  int fd() const { return socket_.get(); }
  const std::string& host() const { return host_; }
  short poll_events() const;  // POLLIN, and POLLOUT when something waits to be sent
  const Traffic& traffic() const { return traffic_; }
  std::string ciphers() const;  // "aes128-gcm@openssh.com", for logs

  // The outcome of a libssh2 call: true for 0 and above, false for "would block", an Error for anything else.
  bool done(long rc, const std::string& what) const;
  // Throws for libssh2's error `rc`: conflict when the peer refused something, unavailable when the connection is of no use any
  // more.
  [[noreturn]] void fail(const std::string& what, long rc) const;

 private:
  struct Free {
    void operator()(LIBSSH2_SESSION* session) const;
  };

  static constexpr std::size_t kTurn = 1 << 20;

  static ssize_t receive_hook(libssh2_socket_t fd, void* buffer, std::size_t size, int flags, void** abstract);
  static ssize_t send_hook(libssh2_socket_t fd, const void* buffer, std::size_t size, int flags, void** abstract);
  void check_host_key() const;

  UniqueFd socket_;
  std::string host_;
  const TsaOptions& options_;
  Traffic traffic_;
  std::size_t receivable_ = kTurn;  // in this turn
  std::unique_ptr<LIBSSH2_SESSION, Free> session_;
};

// Calls `step`, a turn each, until it returns true. Throws Error(timeout) "<what>: no answer from TSA … in time" at the deadline.
void wait_until_done(Session& session, const std::string& what, Deadline deadline, const std::function<bool()>& step);

}  // namespace concourse::ssh
