#include "common/http/server.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>

#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/http/exchange.hpp"
#include "common/http/worker_pool.hpp"

namespace concourse::http {

namespace {

// Longer than the 90 s for which the TSA keeps its heartbeat connection idle.
constexpr auto kParkLimit = std::chrono::minutes(2);

using Connection = std::unique_ptr<FdStream>;

}  // namespace

class Server::Impl {
 public:
  Impl(std::vector<Route> routes, ErrorMapper on_error, ServerOptions options)
      : exchange_(std::move(routes), std::move(on_error), options),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        pool_(options.max_workers) {
    if (!epoll_ || !wakeup_) throw SysError("make a server");
    watch(wakeup_.get());
  }

  ~Impl() { stop(Deadline::in(Duration::zero())); }

  void add_listener(UniqueFd listener) {
    watch(listener.get());
    listeners_.push_back(std::move(listener));
  }

  void start() {
    acceptor_ = std::thread([this] { accept_loop(); });
  }

  bool stop(Deadline deadline) {
    if (acceptor_.joinable()) {
      stopping_ = true;
      wake();
      acceptor_.join();
    }
    listeners_.clear();
    {
      const std::lock_guard lock(mutex_);
      parked_.clear();
      returned_.clear();
    }
    return pool_.wait_idle(deadline);
  }

  std::size_t requests_running() const { return pool_.running(); }
  Json statistics() const { return exchange_.statistics(); }

 private:
  struct Parked {
    Connection connection;
    Clock::time_point since;
  };

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw SysError("watch a connection");
  }

  void wake() {
    const std::uint64_t one = 1;
    (void)!::write(wakeup_.get(), &one, sizeof one);
  }

  void accept_loop() {
    while (!stopping_) {
      epoll_event events[64];
      const int n = epoll_wait(epoll_.get(), events, 64, 1000);
      for (int i = 0; i < n; ++i) handle(events[i].data.fd);
      park_returned();
      close_idle();
    }
  }

  void handle(int fd) {
    if (fd == wakeup_.get()) {
      std::uint64_t count = 0;
      (void)!::read(fd, &count, sizeof count);
    } else if (std::any_of(listeners_.begin(), listeners_.end(), [fd](const auto& l) { return l.get() == fd; })) {
      UniqueFd accepted(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (accepted) return dispatch(std::make_unique<FdStream>(std::move(accepted)));
      if (errno == EMFILE || errno == ENFILE)
        log::error("out of file descriptors: connections wait", {{"error", errno_text(errno)}});
    } else if (const auto found = parked_.find(fd); found != parked_.end()) {
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
      auto connection = std::move(found->second.connection);
      parked_.erase(found);
      dispatch(std::move(connection));
    }
  }

  void dispatch(Connection connection) {
    // std::function wants something copyable.
    auto shared = std::make_shared<Connection>(std::move(connection));
    pool_.submit([this, shared] { serve(std::move(*shared)); });
  }

  // On a worker: serves requests as long as they follow each other, then gives the connection back to be parked.
  void serve(Connection connection) {
    do {
      if (!exchange_.serve_one(*connection, stopping_)) return;
    } while (connection->has_buffered() && !stopping_);
    if (stopping_) return;
    const std::lock_guard lock(mutex_);
    returned_.push_back(std::move(connection));
    wake();
  }

  void park_returned() {
    std::vector<Connection> returned;
    {
      const std::lock_guard lock(mutex_);
      returned.swap(returned_);
    }
    for (auto& connection : returned) {
      const int fd = connection->fd();
      watch(fd);
      parked_[fd] = {std::move(connection), Clock::now()};
    }
  }

  void close_idle() {
    std::erase_if(parked_, [](const auto& entry) { return Clock::now() - entry.second.since > kParkLimit; });
  }

  Exchange exchange_;
  UniqueFd epoll_, wakeup_;
  std::vector<UniqueFd> listeners_;
  std::map<int, Parked> parked_;  // the acceptor's alone while it runs
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards returned_
  std::vector<Connection> returned_;
  std::thread acceptor_;
  WorkerPool pool_;  // last: its threads use everything above
};

Server::Server(std::vector<Route> routes, ErrorMapper on_error, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(routes), std::move(on_error), options)) {}
Server::~Server() = default;
void Server::add_listener(UniqueFd listener) { impl_->add_listener(std::move(listener)); }
void Server::start() { impl_->start(); }
bool Server::stop(Deadline deadline) { return impl_->stop(deadline); }
std::size_t Server::requests_running() const { return impl_->requests_running(); }
Json Server::statistics() const { return impl_->statistics(); }

}  // namespace concourse::http
