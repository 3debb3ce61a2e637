#include "common/http/worker_pool.hpp"

#include <malloc.h>

#include <system_error>
#include <thread>

#include "common/base/error.hpp"
#include "common/daemon/log_request.hpp"

namespace concourse::http {

namespace {
constexpr auto kQuietWhile = std::chrono::seconds(10);
}

WorkerPool::~WorkerPool() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  jobs_.clear();
  wake_.notify_all();
  quiet_.wait(lock, [this] { return threads_ == 0; });
}

void WorkerPool::submit(std::function<void()> job) {
  std::unique_lock lock(mutex_);
  if (stopping_) return;
  jobs_.push_back(log::in_this_request(std::move(job)));
  if (idle_ >= jobs_.size() || threads_ >= max_) {
    lock.unlock();  // or the woken thread would wait for it
    wake_.notify_one();
    return;
  }
  try {
    std::thread([this] { work(); }).detach();
    ++threads_;
  } catch (const std::system_error& e) {
    if (threads_ > 0) return;
    jobs_.pop_back();
    throw Error(ErrorKind::exhausted, std::string("make a thread: ") + e.what());
  }
}

std::size_t WorkerPool::running() const {
  const std::lock_guard lock(mutex_);
  return threads_ - idle_ + jobs_.size();
}

bool WorkerPool::wait_idle(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto quiet = [this] { return jobs_.empty() && threads_ == idle_; };
  if (deadline.is_never()) return quiet_.wait(lock, quiet), true;
  return quiet_.wait_until(lock, deadline.when(), quiet);
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (jobs_.empty()) {
      ++idle_;
      quiet_.notify_all();
      const bool woken = wake_.wait_for(lock, kQuietWhile, [this] { return stopping_ || !jobs_.empty(); });
      --idle_;
      if (stopping_ || !woken) break;
    }
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it captured is destroyed outside the lock
    lock.lock();
  }
  const bool calm = --threads_ <= 1 && !stopping_;
  quiet_.notify_all();  // under the lock: the destructor may free us as soon as it is released
  lock.unlock();
  if (calm) ::malloc_trim(0);  // what a busy time took goes back to the machine
}

}  // namespace concourse::http
