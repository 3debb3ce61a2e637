#include "services/beacon/link.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/tsa.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kTick = std::chrono::seconds(1);
constexpr auto kKeepalive = std::chrono::seconds(5);
constexpr auto kConnectRetry = std::chrono::milliseconds(100);
constexpr auto kSilenceLimit = std::chrono::seconds(20);  // every keepalive is answered: four missing answers are a dead TSA
constexpr auto kStartLimit = std::chrono::seconds(30);    // for a TSA to open a channel and start a command, or to set up a forward
constexpr auto kLingerLimit = std::chrono::seconds(5);
constexpr int kMaxQueued = 256;  // channels that came while we were busy
constexpr int kRounds = 16;      // of one pump, before the rest of the loop has its turn

// 0 with the system's libssh2, which doesn't tell.
std::size_t unanswered_keepalives([[maybe_unused]] ssh::Session& session) {
#ifdef LIBSSH2_KEEPALIVE_UNANSWERED
  return libssh2_keepalive_unanswered(session.get());
#else
  return 0;
#endif
}

}  // namespace

struct Link::Job {
  std::unique_ptr<ssh::Command> command;
  OnResult on_result;  // empty once told
  std::optional<Clock::time_point> deadline;
  std::optional<Clock::time_point> stepped_since;
};

Link::Link(EventLoop& loop, Background& background, std::unique_ptr<ssh::Session> session, OnDone on_lost)
    : loop_(loop), background_(background), session_(std::move(session)), on_lost_(std::move(on_lost)), scratch_(64 << 10) {
  libssh2_keepalive_config(session_->get(), /*want_reply=*/1, /*interval=*/2);
  watched_ = EPOLLIN;
  loop_.watch(session_->fd(), watched_, [this](std::uint32_t) { pump(); });
  tick_timer_ = loop_.every(kTick, [this] { tick(); });
  keepalive_timer_ = loop_.every(kKeepalive, [this] { send_keepalive(); });
  later([this] { pump(); });  // for what the handshake has read already
}

Link::~Link() {
  for (const auto& job : jobs_) finish(job, std::nullopt, "the connection was closed");
  for (const auto timer : {tick_timer_, keepalive_timer_, connect_timer_}) loop_.cancel(timer);
  for (const auto& [fd, owner] : lingering_) loop_.unwatch(fd);
  if (!lost_) loop_.unwatch(session_->fd());
}

LinkStats Link::stats() const {
  auto stats = stats_;
  stats.wire_in = session_->traffic().in, stats.wire_out = session_->traffic().out;
  return stats;
}

void Link::later(std::function<void()> call) {
  loop_.post([alive = std::weak_ptr<int>(alive_), call = std::move(call)] {
    if (!alive.expired()) call();
  });
}

void Link::guarded(const std::function<void()>& step) {
  if (lost_) return;
  try {
    step();
  } catch (const std::exception& e) {
    fail(e.what());
  }
}

void Link::fail(const std::string& reason) {
  lost_ = true;
  loop_.unwatch(session_->fd());
  for (const auto& channel : channels_) channel->abandon();
  channels_.clear();
  for (const auto& job : jobs_) finish(job, std::nullopt, reason);
  for (auto& listen : listens_) later([on_done = std::move(listen.on_done), reason] { on_done(reason); });
  listens_.clear();
  later([this, reason] { on_lost_(reason); });
}

void Link::forward(int port, const LocalTarget& target, OnDone on_done) {
  listens_.push_back({port, &target, std::move(on_done)});
  later([this] { pump(); });
}

std::shared_ptr<Link::Job> Link::run(std::string command, std::string input, Duration limit, OnResult on_result,
                                     std::function<void(std::string_view)> on_output) {
  auto job = std::make_shared<Job>();
  job->command = std::make_unique<ssh::Command>(*session_, std::move(command), std::move(input), std::move(on_output));
  job->on_result = std::move(on_result);
  if (limit > Duration::zero()) job->deadline = Clock::now() + limit;
  if (lost_) {
    finish(job, std::nullopt, "the connection is gone");
    return job;
  }
  jobs_.push_back(job);
  later([this] { pump(); });
  return job;
}

void Link::interrupt(const std::shared_ptr<Job>& job) {
  job->command->interrupt();
  later([this] { pump(); });
}

void Link::finish(const std::shared_ptr<Job>& job, std::optional<ssh::CommandResult> result, const std::string& error) {
  // Told in any case, also when we are gone by then.
  if (!job->on_result) return;
  loop_.post([on_result = std::exchange(job->on_result, nullptr), result = std::move(result), error] { on_result(result, error); });
}

void Link::count_forwarded(std::size_t in, std::size_t out) {
  stats_.forwarded_in += in;
  stats_.forwarded_out += out;
  moved_ = true;
  last_forwarded_ = Clock::now();
}

void Link::local_event(ForwardedChannel& channel) {
  bool received = false;
  guarded([&] {
    session_->begin_turn();
    const auto before = session_->traffic().in;
    if (channel.pump()) std::erase_if(channels_, [&](const auto& owned) { return owned.get() == &channel; });
    watch_socket();
    received = session_->traffic().in != before;
  });
  if (received) pump();  // what came meanwhile may be for others
}

void Link::pump() {
  guarded([this] {
    // At least two rounds: the first may be served by what libssh2 had received before it.
    for (int round = 0; round < kRounds; ++round) {
      moved_ = false;
      session_->begin_turn();
      const auto before = session_->traffic().in;
      pump_once();
      if (round > 0 && !moved_ && session_->traffic().in == before) break;
      if (round + 1 == kRounds) later([this] { pump(); });
    }
    watch_socket();
  });
}

void Link::pump_once() {
  accept_channels();
  round_trip_.unanswered(unanswered_keepalives(*session_), Clock::now());
  step_listens();
  step_jobs();
  pump_channels();
}

void Link::accept_channels() {
  for (const auto& listener : listeners_) {
    while (LIBSSH2_CHANNEL* channel = libssh2_channel_forward_accept(listener.handle)) {
      channels_.push_back(std::make_unique<ForwardedChannel>(*this, channel, *listener.target));
      ++stats_.channels_opened;
      moved_ = true;
    }
    // libssh2 says "unknown channel" for every error of the connection.
    const int error = libssh2_session_last_errno(session_->get());
    if (error != LIBSSH2_ERROR_EAGAIN)
      session_->fail("receive from TSA " + host(),
                     error == LIBSSH2_ERROR_CHANNEL_UNKNOWN ? LIBSSH2_ERROR_SOCKET_DISCONNECT : error);
  }
}

void Link::step_listens() {
  while (!listens_.empty()) {
    auto& listen = listens_.front();
    auto* handle =
        libssh2_channel_forward_listen_ex(session_->get(), protocol::tsa::kForwardAddress, listen.port, nullptr, kMaxQueued);
    const int error = handle == nullptr ? libssh2_session_last_errno(session_->get()) : 0;
    if (error == LIBSSH2_ERROR_EAGAIN) return;
    if (error != 0) session_->fail("ask TSA " + host() + " to forward port " + std::to_string(listen.port), error);
    listeners_.push_back({handle, listen.target});
    later([on_done = std::move(listen.on_done)] { on_done(""); });
    listens_.pop_front();
  }
}

void Link::step_jobs() {
  bool opening = false;
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    const auto job = *it;
    auto& command = *job->command;
    const bool starts = !command.started();
    if (starts && (opening || !listens_.empty())) {
      ++it;
      continue;
    }
    if (!job->stepped_since) job->stepped_since = Clock::now();
    bool ended = false;
    try {
      ended = command.step();
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::unavailable) throw;
      finish(job, std::nullopt, e.what());  // it alone has failed; it is stepped on until its channel is closed
    }
    opening |= !ended && !command.started();
    if (!ended) {
      ++it;
      continue;
    }
    finish(job, command.result(), "");
    moved_ = true;
    it = jobs_.erase(it);
  }
}

void Link::pump_channels() {
  std::erase_if(channels_, [](const auto& channel) { return channel->pump(); });
  const bool connecting =
      std::any_of(channels_.begin(), channels_.end(), [](const auto& channel) { return channel->connecting(); });
  if (connecting && connect_timer_ == 0) connect_timer_ = loop_.after(kConnectRetry, [this] { retry_connecting(); });
}

void Link::retry_connecting() {
  connect_timer_ = 0;
  pump();
}

void Link::watch_socket() {
  const std::uint32_t wanted = EPOLLIN | ((session_->poll_events() & POLLOUT) != 0 ? EPOLLOUT : 0U);
  if (wanted == watched_) return;
  loop_.change(session_->fd(), wanted);
  watched_ = wanted;
}

void Link::send_keepalive() {
  guarded([this] {
    int next = 0;
    const auto before = unanswered_keepalives(*session_);
    session_->done(libssh2_keepalive_send(session_->get(), &next), "send a keepalive to TSA " + host());
    if (unanswered_keepalives(*session_) > before) round_trip_.sent(Clock::now());
    watch_socket();
  });
}

void Link::tick() {
  guarded([this] {
    const auto now = Clock::now();
    if (now - last_received() > kSilenceLimit)
      throw Error(ErrorKind::timeout,
                  "TSA " + host() + " has not answered keepalives for " + std::to_string(kSilenceLimit.count()) + " s");
    for (const auto& job : jobs_) {
      if (!job->command->started() && job->stepped_since && now - *job->stepped_since > kStartLimit)
        throw Error(ErrorKind::timeout,
                    "TSA " + host() + " did not start a command in " + std::to_string(kStartLimit.count()) + " s");
      if (job->deadline && now > *job->deadline) {
        finish(job, std::nullopt, "TSA " + host() + " did not finish '" + job->command->verb() + "' in time");
        job->command->abandon();
        job->deadline.reset();
      }
    }
    for (const auto& channel : channels_) channel->tick();
    while (!lingering_.empty() && lingering_.begin()->second.second < now) end_linger(lingering_.begin()->first);
  });
  pump();
}

void Link::cut_channels(ForwardedChannel::Cut what, Duration quiet) {
  for (const auto& channel : channels_)
    if (channel->can_be_cut(what, quiet)) channel->cut();
  pump();
}

void Link::disconnect(const char* reason) {
  if (!lost_) session_->disconnect(reason);
}

void Link::linger(UniqueFd socket) {
  const int fd = socket.get();
  lingering_[fd] = {std::move(socket), Clock::now() + kLingerLimit};
  loop_.watch(fd, EPOLLIN, [this, fd](std::uint32_t) {
    ssize_t n = 0;
    while ((n = ::recv(fd, scratch_.data(), scratch_.size(), MSG_DONTWAIT)) > 0) {
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) end_linger(fd);
  });
}

void Link::end_linger(int fd) {
  loop_.unwatch(fd);
  lingering_.erase(fd);
}

}  // namespace concourse::beacon
