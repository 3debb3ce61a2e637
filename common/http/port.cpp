#include "common/http/port.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/daemon/log.hpp"

namespace concourse::http {

namespace {

constexpr std::size_t kMostConnections = 4096;
constexpr std::uint64_t kListener = 0, kWakeup = 1, kFirstConnection = 2;  // tokens of epoll
constexpr auto kOutOfDescriptors = std::chrono::milliseconds(100);         // until accepting is tried again
constexpr auto kSilence = std::chrono::seconds(2);                         // after which a lingering client is done
constexpr auto kLinger = std::chrono::seconds(30);                         // for one that isn't silent
constexpr auto kLastHead = std::chrono::seconds(1);                        // for a head under way when we stop
constexpr auto kFar = std::chrono::hours(24);

std::size_t connection_bound(std::size_t wanted) {
  if (wanted > 0) return wanted;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) throw SysError("read the limit of descriptors");
  return std::clamp<std::size_t>(files.rlim_cur / 4, 16, kMostConnections);
}

}  // namespace

Port::Port(UniqueFd listener, Surface surface, Exchange& exchange, const ServerOptions& options)
    : surface_(surface),
      options_(options),
      max_connections_(connection_bound(options.max_connections)),
      exchange_(exchange),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      listener_(std::move(listener)),
      wake_at_(Clock::now()),
      next_id_(kFirstConnection),
      pool_(options.max_workers) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeup;
  if (!epoll_ || !wakeup_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event) != 0) throw SysError("make a server");
  event.data.u64 = kListener;
  // Another process may accept from it as well: don't wait for a client that it has taken.
  if (fcntl(listener_.get(), F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0)
    throw SysError("watch a listening socket");
}

Port::~Port() {
  stop();
  std::vector<std::shared_ptr<Wakeup>> wakeups;
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
    wake_acceptor();
    for (const auto& [id, connection] : connections_)
      if (connection->hold) wakeups.push_back(connection->hold->wakeup);
  }
  if (acceptor_.joinable()) acceptor_.join();
  for (const auto& wakeup : wakeups) wakeup->detach();
}

void Port::start() {
  acceptor_ = std::thread([this] { accept_loop(); });
}

void Port::stop() {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  stopping_ = true;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
  listener_.reset();
  std::vector<Connection*> waiting;
  for (const auto state : {State::idle, State::heading})
    for (const auto& [end, connection] : queue(state)) waiting.push_back(connection);
  for (auto* connection : waiting) {
    if (connection->state == State::idle && !connection->fresh) remove(*connection);
    else if (!enter(*connection, connection->state, kLastHead)) remove(*connection);
  }
  while (!none(State::held)) dispatch(oldest(State::held));
}

bool Port::wait_quiet(Deadline deadline) {
  const auto wait_for = [&](auto... states) {
    const auto gone = [&] { return (none(states) && ...); };
    std::unique_lock lock(mutex_);
    return deadline.is_never() ? (left_.wait(lock, gone), true) : left_.wait_until(lock, deadline.when(), gone);
  };
  return wait_for(State::idle, State::heading, State::held) && pool_.wait_idle(deadline) && wait_for(State::lingering);
}

void Port::accept_loop() {
  for (epoll_event events[64];;) {
    int timeout = 0;
    {
      const std::lock_guard lock(mutex_);
      if (quit_) return;
      expire();
      // What runs now may be idle or held then.
      wake_at_ = Clock::now() + (connections_.empty() ? Duration(kFar) : std::min(options_.keep_limit, options_.head_limit));
      for (const auto& queue : queues_)
        if (!queue.empty()) wake_at_ = std::min(wake_at_, queue.begin()->first);
      if (paused_until_) wake_at_ = std::min(wake_at_, *paused_until_);
      timeout = Deadline::in(wake_at_ - Clock::now()).poll_ms();
    }
    const int n = epoll_wait(epoll_.get(), events, 64, timeout);
    const std::lock_guard lock(mutex_);
    wake_at_ = Clock::time_point::min();  // we are awake
    for (int i = 0; i < n; ++i) handle(events[i].data.u64);
  }
}

void Port::handle(std::uint64_t token) {
  if (token == kListener) return accept_one();
  if (token == kWakeup) {
    std::uint64_t count = 0;
    (void)!::read(wakeup_.get(), &count, sizeof count);
    return;
  }
  const auto found = connections_.find(token);
  if (found == connections_.end()) return;  // gone since it was reported
  auto& connection = *found->second;
  switch (connection.state) {
    case State::idle:
    case State::heading: return collect(connection);
    case State::held: return dispatch(connection);
    case State::lingering: return drop_input(connection);
    case State::running: return;
  }
}

void Port::accept_one() {
  if (!listener_) return;
  if (connections_.size() >= max_connections_ && !make_room()) return pause(kFar);
  UniqueFd accepted(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!accepted) {
    const int error = errno;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;  // that client has gone
    log::error("out of file descriptors or memory: connections wait", {{"error", errno_text(error)}});
    if (!make_room()) pause(kOutOfDescriptors);
    return;
  }
  const auto id = next_id_++;
  auto& connection = *(connections_[id] = std::make_unique<Connection>(id, std::move(accepted)));
  collect(connection);  // most clients have sent their request by now
}

bool Port::make_room() {
  // Of those that wait for a head the one that has waited longest, whether it has begun: else half heads would outlast others.
  const auto since = [this](State state, Duration limit) {
    return none(state) ? Clock::time_point::max() : queue(state).begin()->first - limit;
  };
  const auto idle = since(State::idle, options_.keep_limit), heading = since(State::heading, options_.head_limit);
  const auto state = !none(State::lingering) ? State::lingering : idle < heading ? State::idle : State::heading;
  if (none(state)) return false;
  remove(oldest(state));
  return true;
}

void Port::pause(Duration limit) {
  epoll_event event{};
  event.data.u64 = kListener;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.get(), &event);
  paused_until_ = Clock::now() + limit;
}

void Port::resume_accepting() {
  paused_until_.reset();
  if (!listener_) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListener;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.get(), &event);
}

bool Port::enter(Connection& connection, State state, Duration limit) {
  leave(connection);
  if (!connection.stream.watch(epoll_.get(), state == State::held ? EPOLLRDHUP : EPOLLIN, connection.id)) return false;
  const auto until = Clock::now() + limit;
  connection.state = state;
  connection.place = queue(state).emplace(until, &connection);
  if (until < wake_at_) wake_acceptor();
  return true;
}

void Port::leave(Connection& connection) {
  if (connection.state == State::running) return;
  queue(connection.state).erase(connection.place);
  connection.state = State::running;
  if (stopping_) left_.notify_all();
}

void Port::remove(Connection& connection) {
  leave(connection);
  heads_memory_ -= connection.counted;
  connections_.erase(connection.id);
  if (paused_until_) resume_accepting();
}

void Port::collect(Connection& connection) {
  auto& stream = connection.stream;
  switch (stream.collect_head(kMaxHead)) {
    case FdStream::Head::whole: return dispatch(connection);
    case FdStream::Head::too_long: return refuse(connection, "431 Request Header Fields Too Large");
    case FdStream::Head::ended:
      // Half a head gets the library's answer.
      if (stream.has_buffered()) dispatch(connection);
      else remove(connection);
      return;
    case FdStream::Head::partial: break;
  }
  if (!stream.has_buffered()) return wait_for_request(connection);
  const bool watched = connection.state == State::heading
                           ? stream.watch(epoll_.get(), EPOLLIN, connection.id)
                           : enter(connection, State::heading, stopping_ ? Duration(kLastHead) : options_.head_limit);
  if (!watched) return remove(connection);
  count_memory(connection);
}

void Port::wait_for_request(Connection& connection) {
  connection.stream.shrink();
  if (!enter(connection, State::idle, stopping_ ? Duration(kLastHead) : options_.keep_limit)) return remove(connection);
  count_memory(connection);
}

void Port::count_memory(Connection& connection) {
  const auto now = connection.stream.memory();
  heads_memory_ += now - std::exchange(connection.counted, now);
  while (heads_memory_ > kMaxHeads && !none(State::heading)) remove(oldest(State::heading));
}

void Port::refuse(Connection& connection, std::string_view status) {
  const auto answer = "HTTP/1.1 " + std::string(status) +
                      "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" + std::string(status);
  (void)!::send(connection.stream.fd(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  leave(connection);
  settle(connection, Exchange::Next::linger);
}

void Port::dispatch(Connection& connection) {
  leave(connection);
  count_memory(connection);
  if (heads_memory_ > kMaxHeads) return refuse(connection, "503 Service Unavailable");
  try {
    pool_.submit([this, &connection] { serve(connection); });
  } catch (const Error& e) {
    log::error("request refused", {{"error", e.what()}});
    refuse(connection, "503 Service Unavailable");
  }
}

void Port::serve(Connection& connection) noexcept {
  auto next = Exchange::Next::close;
  try {
    if (connection.hold) connection.hold->wakeup->detach();
    bool last = false;
    do {
      {
        const std::lock_guard lock(mutex_);
        last = stopping_;
      }
      next = exchange_.serve_one(connection.stream, last, surface_, connection.hold);
    } while (next == Exchange::Next::hold && !park(connection));
    if (next == Exchange::Next::hold) return;
  } catch (const std::exception& e) {
    log::error("connection broken off", {{"error", e.what()}});
  }
  const std::lock_guard lock(mutex_);
  settle(connection, next);
}

bool Port::park(Connection& connection) {
  const auto id = connection.id;
  const auto wakeup = connection.hold->wakeup;
  bool parked = false;
  wakeup->attach([this, id] { ask_again(id); });
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue(State::held).size() < max_connections_ / 2) {
      connection.stream.shrink();
      parked = enter(connection, State::held, connection.hold->limit);
    }
  }
  if (!parked) wakeup->detach();
  else if (wakeup->woken()) ask_again(id);  // before it was in the queue
  return parked;
}

void Port::settle(Connection& connection, Exchange::Next next) {
  switch (next) {
    case Exchange::Next::keep:
      connection.fresh = false;
      if (stopping_) return remove(connection);
      return connection.stream.has_buffered() ? collect(connection) : wait_for_request(connection);
    case Exchange::Next::linger:
      ::shutdown(connection.stream.fd(), SHUT_WR);
      connection.linger_end = Deadline::in(stopping_ ? Duration(kSilence) : Duration(kLinger));
      return drop_input(connection);
    default: return remove(connection);
  }
}

void Port::drop_input(Connection& connection) {
  char buffer[65536];
  for (int turn = 0; turn < 16; ++turn) {
    const auto n = ::recv(connection.stream.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0 || (connection.dropped += static_cast<std::uint64_t>(n)) > options_.linger_limit) return remove(connection);
  }
  const auto limit = std::min<Duration>(kSilence, connection.linger_end.when() - Clock::now());
  if (!enter(connection, State::lingering, limit)) remove(connection);
}

void Port::expire() {
  const auto now = Clock::now();
  for (const auto state : {State::idle, State::heading, State::lingering})
    while (!none(state) && queue(state).begin()->first <= now) remove(oldest(state));
  while (!none(State::held) && queue(State::held).begin()->first <= now) dispatch(oldest(State::held));
  if (paused_until_ && *paused_until_ <= now) resume_accepting();
}

void Port::wake_acceptor() {
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void Port::ask_again(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second->state == State::held) dispatch(*found->second);
}

}  // namespace concourse::http
