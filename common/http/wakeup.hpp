// The end of a wait that no thread makes: what a handler hands to Reply::hold() and to whoever brings the event about.
#pragma once

#include <functional>
#include <mutex>

namespace concourse::http {

class Wakeup {
 public:
  // The event has come: the held request is asked again. Any thread, at any time, also before it is held; only the first call
  // counts. Takes the server's locks: not to be called under one that a handler takes.
  void wake();
  bool woken();

 private:
  friend class Port;
  // `on_wake` is called once, on the thread that wakes; never if the event has come already.
  void attach(std::function<void()> on_wake);
  // After this `on_wake` is neither called nor running.
  void detach();

  std::mutex mutex_;  // guards the rest
  bool woken_ = false;
  std::function<void()> on_wake_;
};

}  // namespace concourse::http
