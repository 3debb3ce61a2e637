#include "common/loop/event_loop.hpp"

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "common/base/error.hpp"

namespace concourse {

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_ || !wakeup_) throw SysError("make an event loop");
  watch(wakeup_.get(), EPOLLIN, [this](std::uint32_t) {
    std::uint64_t count = 0;
    (void)!::read(wakeup_.get(), &count, sizeof count);
    drain_posted();
  });
}

EventLoop::~EventLoop() = default;

void EventLoop::watch(int fd, std::uint32_t events, FdCallback callback) {
  auto entry = std::make_shared<Watch>(Watch{std::move(callback), ++generation_});
  epoll_event event{};
  event.events = events;
  // The generation tells an event of this watch from one left over from an earlier owner of the same number.
  event.data.u64 = static_cast<std::uint64_t>(fd) | entry->generation << 32;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw SysError("watch descriptor " + std::to_string(fd));
  watches_[fd] = std::move(entry);
}

void EventLoop::change(int fd, std::uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<std::uint64_t>(fd) | found->second->generation << 32;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) throw SysError("watch descriptor " + std::to_string(fd));
}

void EventLoop::unwatch(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::after(Duration delay, Callback callback) {
  timers_[next_timer_] = Timer{Clock::now() + delay, Duration::zero(), std::move(callback)};
  return next_timer_++;
}

EventLoop::TimerId EventLoop::every(Duration period, Callback callback) {
  timers_[next_timer_] = Timer{Clock::now() + period, period, std::move(callback)};
  return next_timer_++;
}

void EventLoop::cancel(TimerId id) { timers_.erase(id); }

int EventLoop::run_due_timers() {
  const auto now = Clock::now();
  std::vector<TimerId> due;
  for (const auto& [id, timer] : timers_)
    if (timer.due <= now) due.push_back(id);
  // In the order in which they were due, however late all of them are.
  std::stable_sort(due.begin(), due.end(), [this](TimerId a, TimerId b) { return timers_.at(a).due < timers_.at(b).due; });
  for (const TimerId id : due) {
    const auto found = timers_.find(id);
    if (found == timers_.end()) continue;  // cancelled by an earlier callback
    const auto callback = found->second.callback;
    const auto period = found->second.period;
    if (period == Duration::zero()) timers_.erase(found);
    callback();
    if (const auto again = timers_.find(id); again != timers_.end()) again->second.due = Clock::now() + period;
  }
  Deadline next = Deadline::never();
  for (const auto& [id, timer] : timers_) next = next.or_in(timer.due - Clock::now());
  return next.poll_ms();
}

void EventLoop::on_signal(int number, std::string effect, Callback callback) {
  signal_callbacks_[number] = std::move(callback);
  effects_[number] = std::move(effect);
  sigset_t set;
  sigemptyset(&set);
  for (const auto& [n, unused] : signal_callbacks_) sigaddset(&set, n);
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) throw SysError("block signals");
  const bool first = !signals_;
  const int fd = signalfd(signals_.get(), &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) throw SysError("make a signal descriptor");
  if (!first) return;
  signals_.reset(fd);
  watch(fd, EPOLLIN, [this](std::uint32_t) { read_signals(); });
}

void EventLoop::read_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const auto found = signal_callbacks_.find(static_cast<int>(info.ssi_signo));
    if (found != signal_callbacks_.end()) found->second();
  }
}

void EventLoop::post(Callback callback) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(callback));
  }
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void EventLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_requested_ = true;
  }
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void EventLoop::drain_posted() {
  std::vector<Callback> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(posted_);
    stopping_ = stop_requested_;
  }
  for (const auto& call : calls) call();
}

void EventLoop::run() {
  stopping_ = false;
  while (!stopping_) {
    epoll_event events[64];
    const int timeout = run_due_timers();
    drain_posted();
    if (stopping_) break;
    const int n = epoll_wait(epoll_.get(), events, 64, timeout);
    if (n < 0 && errno != EINTR) throw SysError("wait for events");
    for (int i = 0; i < n; ++i) {
      const auto found = watches_.find(static_cast<int>(events[i].data.u64 & 0xffffffff));
      if (found == watches_.end() || (found->second->generation & 0xffffffff) != events[i].data.u64 >> 32) continue;
      const auto keep = found->second;  // the callback may remove its own watch
      keep->callback(events[i].events);
    }
  }
  const std::lock_guard lock(mutex_);
  stop_requested_ = false;
}

}  // namespace concourse
