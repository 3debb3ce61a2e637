// One thread's event loop: descriptors (epoll), timers, signals (signalfd) and calls from other threads (eventfd).
//
// Everything runs on the thread that calls run(); only post() and stop() may be called from another thread. A callback may
// add and remove watches, itself included. No callback runs from inside a signal handler.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse {

class EventLoop {
 public:
  using FdCallback = std::function<void(std::uint32_t events)>;  // EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR
  using Callback = std::function<void()>;
  using TimerId = std::uint64_t;  // 0 is no timer

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Watches `fd`, which the caller owns and must unwatch before closing it. One watch per descriptor.
  void watch(int fd, std::uint32_t events, FdCallback callback);
  void change(int fd, std::uint32_t events);
  void unwatch(int fd);

  // Calls once after `delay`, or every `period` (counted from the end of the last call).
  TimerId after(Duration delay, Callback callback);
  TimerId every(Duration period, Callback callback);
  void cancel(TimerId id);

  // Blocks `number` in this thread (call it before any other thread starts) and delivers it here. `effect` is what the
  // signal does, in words; it is printed in --help and in the manual page.
  void on_signal(int number, std::string effect, Callback callback);
  const std::map<int, std::string>& signal_effects() const { return effects_; }

  // Runs `callback` on the loop's thread, soon. Any thread.
  void post(Callback callback);

  void run();   // until stop()
  void stop();  // any thread

 private:
  struct Watch {
    FdCallback callback;
    std::uint64_t generation;
  };
  struct Timer {
    Clock::time_point due;
    Duration period;  // zero: once
    Callback callback;
  };

  int run_due_timers();  // returns milliseconds to the next one, -1 for none
  void drain_posted();
  void read_signals();

  UniqueFd epoll_, wakeup_, signals_;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::uint64_t generation_ = 0;
  std::map<TimerId, Timer> timers_;
  TimerId next_timer_ = 1;
  std::map<int, Callback> signal_callbacks_;
  std::map<int, std::string> effects_;
  bool stopping_ = false;

  std::mutex mutex_;  // guards posted_ and stop_requested_
  std::vector<Callback> posted_;
  bool stop_requested_ = false;
};

}  // namespace concourse
