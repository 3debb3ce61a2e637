// One SSH session with a TSA, by libssh2, never blocking.
//
// Every step is asked for again and again until it is done: it returns false when it has to wait for the socket, which the caller
// watches for poll_events(). So the same steps serve an event loop and a program that just waits (wait_until_done).
// One thread at a time.
#pragma once

#include <libssh2.h>

#include <functional>
#include <memory>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "common/ssh/tsa_options.hpp"

namespace concourse::ssh {

class Session {
 public:
  // Takes a connected, non-blocking socket. `host` names the peer in messages. `options` must outlive the session.
  Session(UniqueFd socket, std::string host, const TsaOptions& options);
  ~Session();  // cuts the connection
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Key exchange, then the host key check. Throws Error(invalid) for a key that isn't pinned, unavailable for a broken connection.
  bool handshake();
  // Public key authentication as `beacon`. Throws Error(invalid) when the key is refused.
  bool authenticate();

  // Tells the peer that we leave, as far as the socket takes it at once.
  void disconnect(const char* reason);

  LIBSSH2_SESSION* get() const { return session_.get(); }
  int fd() const { return socket_.get(); }
  const std::string& host() const { return host_; }
  short poll_events() const;    // POLLIN, and POLLOUT when something waits to be sent
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

  void check_host_key() const;

  UniqueFd socket_;
  std::string host_;
  const TsaOptions& options_;
  std::unique_ptr<LIBSSH2_SESSION, Free> session_;
};

// Calls `step` until it returns true. Throws Error(timeout) "<what>: no answer from TSA … in time" at the deadline.
void wait_until_done(const Session& session, const std::string& what, Deadline deadline, const std::function<bool()>& step);

}  // namespace concourse::ssh
