// One listening socket of a server with its connections, and the workers that serve their requests.
//
// A connection's states; all but `running` are kept by one thread, the acceptor, with epoll:
//
//   idle      no byte of a request is there; closed after keep_limit
//   heading   part of a head is there; closed after head_limit, however its bytes come
//   running   on a worker, or waiting for one
//   held      its answer comes later (Reply::hold)
//   lingering answered, and not to be used again: what the client still sends is dropped for a while, because to close a socket
//             with unread input sends a reset, which can overtake the answer
//
// When there are as many connections as there may be, or no descriptors are left, a new one takes the place of one that
// lingers, or else of that which has waited longest for a whole head. If there is none such, new ones wait in the kernel until one
// ends.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "common/http/exchange.hpp"
#include "common/http/fd_stream.hpp"
#include "common/http/worker_pool.hpp"

namespace concourse::http {

class Port {
 public:
  static constexpr std::size_t kMaxHead = 1 << 20;  // bytes of a request's head, as Go's server
  static constexpr std::size_t kMaxHeads = 32
                                           << 20;  // bytes of all heads: the connection whose head is under way longest is closed

  Port(UniqueFd listener, Surface surface, Exchange& exchange, const ServerOptions& options);
  ~Port();  // stops; waits for running requests

  void start();
  // Closes the listener and idle connections; held requests are asked again. Heads under way, and the first one of a client that
  // has just connected, may still come for a second.
  void stop();
  // After stop(): true if all requests had ended before the deadline.
  bool wait_quiet(Deadline deadline);
  std::size_t running() const { return pool_.running(); }

 private:
  enum class State { idle, heading, held, lingering, running };
  struct Connection;
  using Queue = std::multimap<Clock::time_point, Connection*>;  // by the end of its time
  struct Connection {
    Connection(std::uint64_t its_id, UniqueFd fd) : id(its_id), stream(std::move(fd)) {}

    const std::uint64_t id;
    FdStream stream;
    State state = State::running;
    Queue::iterator place;      // in its state's queue; none while running
    bool fresh = true;          // no request of it has been served
    std::size_t counted = 0;    // of heads_memory_
    std::uint64_t dropped = 0;  // bytes, while it lingers
    Deadline linger_end = Deadline::never();
    std::optional<Hold> hold;
  };

  void accept_loop();
  // The rest under the lock, if nothing else is said.
  void handle(std::uint64_t token);
  void accept_one();
  bool make_room();
  void pause(Duration limit);
  void resume_accepting();

  // False if the kernel doesn't watch it for us: then it is `running`.
  bool enter(Connection& connection, State state, Duration limit);
  void leave(Connection& connection);
  void remove(Connection& connection);
  void collect(Connection& connection);
  void wait_for_request(Connection& connection);
  void count_memory(Connection& connection);
  void refuse(Connection& connection, std::string_view status);
  void dispatch(Connection& connection);
  void drop_input(Connection& connection);
  void expire();
  void wake_acceptor();

  // On a worker, without the lock.
  void serve(Connection& connection) noexcept;
  bool park(Connection& connection);
  void settle(Connection& connection, Exchange::Next next);
  void ask_again(std::uint64_t id);  // any thread

  bool none(State state) const { return queues_[static_cast<std::size_t>(state)].empty(); }
  Connection& oldest(State state) { return *queue(state).begin()->second; }
  Queue& queue(State state) { return queues_[static_cast<std::size_t>(state)]; }

  const Surface surface_;
  const ServerOptions options_;
  const std::size_t max_connections_;
  Exchange& exchange_;
  UniqueFd epoll_, wakeup_;
  std::mutex mutex_;              // guards what follows, down to the pool
  std::condition_variable left_;  // some connection its queue
  UniqueFd listener_;
  bool stopping_ = false, quit_ = false;
  std::optional<Clock::time_point> paused_until_;  // accepting is
  Clock::time_point wake_at_;                      // when the acceptor looks at its queues next
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::array<Queue, 4> queues_;
  std::size_t heads_memory_ = 0;
  std::uint64_t next_id_ = 0;
  std::thread acceptor_;
  WorkerPool pool_;  // last: its threads use everything above
};

}  // namespace concourse::http
