// The processes that the shim asked for, and the talk with the shim about them.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "common/protocol/init_wire.hpp"
#include "services/init/spawn.hpp"

namespace concourse::init {

// Programs between fork and exec at the same time. More orders wait in the socket.
inline constexpr unsigned kMaxStarting = 32;

class Jobs {
 public:
  Jobs(int socket, const OomScore& score) : socket_(socket), score_(score) {}

  bool say_hello();
  // Fills `watched` with the error pipes of programs being started; returns how many.
  nfds_t starting(pollfd* watched) const;
  void settle_starts();
  void reap();
  // Reads and carries out the orders that have come. False when the shim has gone or says quit.
  bool obey();

 private:
  struct Job {
    std::uint32_t token;
    pid_t pid;
    int error_pipe;  // -1 once settled
    bool failed;     // the program never ran: its exit is not reported
    Job* next;
  };

  bool report(init_wire::Event event, std::uint32_t token, std::int32_t value, const char* text, int fd = -1);
  void start(std::uint32_t token, const int* fds, unsigned count);
  bool settle(Job& job);
  void tell_if_quiet();

  const int socket_;
  const OomScore& score_;
  Job* jobs_ = nullptr;
  int ending_with_ = 0;  // the signal of a signal_all that hasn't been answered yet
};

}  // namespace concourse::init
