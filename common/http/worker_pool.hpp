// Threads made when there is work and none is idle, up to a limit, and gone again after a quiet while.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "common/base/deadline.hpp"

namespace concourse::http {

class WorkerPool {
 public:
  explicit WorkerPool(std::size_t max_threads) : max_(max_threads) {}
  ~WorkerPool();  // waits for the running jobs; jobs still queued are dropped

  // The job logs under the request of the thread that submits it. Where no thread can be made it waits for one that is there;
  // throws Error(exhausted) if none is.
  void submit(std::function<void()> job);
  std::size_t running() const;
  // True if no job was queued or running before the deadline.
  bool wait_idle(Deadline deadline);

 private:
  void work();

  const std::size_t max_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable wake_, quiet_;
  std::deque<std::function<void()>> jobs_;
  std::size_t threads_ = 0, idle_ = 0;
  bool stopping_ = false;
};

}  // namespace concourse::http
