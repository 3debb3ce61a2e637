#include "services/beacon/forwarded_channel.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "services/beacon/link.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kConnectLimit = std::chrono::seconds(60);   // for a service that restarts
constexpr auto kDeliveryLimit = std::chrono::seconds(60);  // for a local side that doesn't read what the far side left behind
constexpr auto kBulkQuiet = std::chrono::seconds(60);
constexpr std::size_t kRoundBytes = 512 << 10;  // each way, before other channels have their turn

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

ForwardedChannel::ForwardedChannel(Link& link, LIBSSH2_CHANNEL* channel, const LocalTarget& target)
    : link_(link), channel_(channel), target_(target), connection_(std::make_unique<LocalConnection>(link.background(), target)) {}

ForwardedChannel::~ForwardedChannel() {
  if (watched_ != 0) link_.loop().unwatch(local_.get());
}

void ForwardedChannel::try_connect() {
  auto socket = connection_->attempt();
  if (socket) {
    local_ = std::move(*socket);
    connection_.reset();
    phase_ = Phase::open;
  } else if (Clock::now() - opened_ > kConnectLimit) {
    log::warn("connection given up: the local service is not there",
              {{"service", target_.name}, {"error", connection_->last_error()}});
    begin_close("the local service is not there");
  }
}

bool ForwardedChannel::pump() {
  if (phase_ == Phase::connecting) {
    if (libssh2_channel_eof(channel_) != 0) begin_close("the far side left while waiting");
    else try_connect();
  }
  if (phase_ == Phase::open) {
    receive();
    send();
    if (remote_ended_ && to_local_.empty()) begin_close("the far side ended");
    else if (local_ended_ && to_remote_.empty()) begin_close("the local side ended");
  }
  if (phase_ == Phase::closing) {
    // Sends our close, then waits for the peer's.
    const int rc = libssh2_channel_close(channel_);
    if (rc != LIBSSH2_ERROR_EAGAIN && libssh2_channel_free(channel_) != LIBSSH2_ERROR_EAGAIN) phase_ = Phase::done;
  }
  watch();
  return phase_ == Phase::done;
}

// What is left of the last read goes first; false while some of it is left.
bool ForwardedChannel::flush_to_local() {
  while (!to_local_.empty()) {
    if (local_deaf_) {
      to_local_.clear();
      break;
    }
    const ssize_t n = ::send(local_.get(), to_local_.data(), to_local_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      to_local_.erase(0, static_cast<std::size_t>(n));
      link_.count_forwarded(static_cast<std::size_t>(n), 0);
    } else if (n < 0 && would_block(errno)) {
      return false;
    } else {
      local_deaf_ = true;  // what it had sent before can still be read
    }
  }
  if (to_local_.capacity() > 0) to_local_ = {};
  return true;
}

void ForwardedChannel::receive() {
  auto& scratch = link_.scratch();
  std::size_t round = 0;
  // The stock library's answer is an error when something else heads its queue: then reading is tried.
  while (flush_to_local() && round < kRoundBytes && libssh2_poll_channel_read(channel_, 0) != 0) {
    const auto n = libssh2_channel_read(channel_, scratch.data(), scratch.size());
    if (n == LIBSSH2_ERROR_EAGAIN) break;
    if (n < 0) throw Error(ErrorKind::unavailable, "read from the TSA: libssh2 error " + std::to_string(n));
    if (n == 0) break;
    std::string_view bytes(scratch.data(), static_cast<std::size_t>(n));
    if (!owes_answer_) classify(bytes);
    owes_answer_ = true;
    last_moved_ = Clock::now();
    round += bytes.size();
    if (!local_deaf_) {
      const ssize_t written = ::send(local_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (written > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
        link_.count_forwarded(static_cast<std::size_t>(written), 0);
      } else if (written < 0 && !would_block(errno)) {
        local_deaf_ = true;
      }
    }
    if (!local_deaf_) to_local_.assign(bytes);
  }
  // Masked by libssh2 while something is left to read.
  remote_ended_ = libssh2_channel_eof(channel_) != 0;
  if (remote_ended_ && remote_ended_at_ == Clock::time_point{}) remote_ended_at_ = Clock::now();
}

// How much of it the connection took; less means that it takes no more now.
std::size_t ForwardedChannel::write_remote(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size() && libssh2_channel_window_write(channel_) > 0) {
    const auto n = libssh2_channel_write(channel_, bytes.data() + done, bytes.size() - done);
    if (n == LIBSSH2_ERROR_EAGAIN || n == 0) break;
    if (n < 0) throw Error(ErrorKind::unavailable, "send to the TSA: libssh2 error " + std::to_string(n));
    done += static_cast<std::size_t>(n);
  }
  if (done > 0) {
    owes_answer_ = false;
    answered_ = true;
    last_moved_ = Clock::now();
    link_.count_forwarded(0, done);
  }
  return done;
}

void ForwardedChannel::send() {
  if (remote_ended_) return;
  auto& scratch = link_.scratch();
  for (std::size_t round = 0; round < kRoundBytes;) {
    if (!to_remote_.empty()) {
      to_remote_.erase(0, write_remote(to_remote_));
      if (!to_remote_.empty()) return;
      to_remote_ = {};
    }
    if (local_ended_ || !local_readable_) return;
    const ssize_t n = ::recv(local_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (n < 0 && would_block(errno)) {
      local_readable_ = false;
      return;
    }
    if (n <= 0) {
      local_ended_ = true;  // a reset too: its reason is the local service's affair
      return;
    }
    const std::string_view bytes(scratch.data(), static_cast<std::size_t>(n));
    to_remote_ = bytes.substr(write_remote(bytes));
    round += bytes.size();
  }
}

void ForwardedChannel::classify(std::string_view request) {
  if (kind_ == Kind::process_stream) return;
  const auto line = request.substr(0, request.find('\r'));
  const auto has = [&line](const char* part) { return line.find(part) != std::string_view::npos; };
  if (target_.name == "garden" && has("/containers/") && has("/processes")) kind_ = Kind::process_stream;
  else if (has("/stream-") || has("/files")) kind_ = Kind::bulk;
  else kind_ = Kind::plain;
}

bool ForwardedChannel::can_be_cut(Cut what, Duration quiet) const {
  if (phase_ != Phase::open || local_ended_ || remote_ended_) return false;
  if (kind_ == Kind::process_stream) return what == Cut::streams_too && answered_;
  return !owes_answer_ && Clock::now() - last_moved_ >= (kind_ == Kind::bulk ? std::max<Duration>(quiet, kBulkQuiet) : quiet);
}

void ForwardedChannel::cut() {
  ::shutdown(local_.get(), SHUT_RD);
  local_readable_ = true;  // its end
}

void ForwardedChannel::begin_close(const char* why) {
  log::debug("forwarded connection ended", {{"service", target_.name}, {"reason", why}});
  phase_ = Phase::closing;
  connection_.reset();
  if (!local_) return;
  if (watched_ != 0) link_.loop().unwatch(local_.get());
  watched_ = 0;
  // First nothing more can come, then what has come is dropped, then the close: so the local side sees a plain end, never a reset.
  ::shutdown(local_.get(), target_.is_unix() ? SHUT_RDWR : SHUT_WR);
  auto& scratch = link_.scratch();
  ssize_t n = 0;
  while ((n = ::recv(local_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT)) > 0) {
  }
  if (n < 0 && !target_.is_unix()) link_.linger(std::move(local_));
  local_.reset();
}

void ForwardedChannel::abandon() {
  if (phase_ != Phase::open) return;
  flush_to_local();
  begin_close("the connection to the TSA is gone");
}

void ForwardedChannel::tick() {
  if (phase_ == Phase::open && remote_ended_ && Clock::now() - remote_ended_at_ > kDeliveryLimit) {
    log::warn("connection cut: the local service does not read the last bytes", {{"service", target_.name}});
    begin_close("undeliverable");
  }
}

void ForwardedChannel::watch() {
  if (!local_) return;
  std::uint32_t wanted = 0;
  if (phase_ == Phase::open) {
    if (!local_ended_ && to_remote_.empty()) wanted |= EPOLLIN;
    if (!to_local_.empty()) wanted |= EPOLLOUT;
  }
  if (wanted == watched_) return;
  // Not watched at all rather than for nothing: EPOLLHUP would come again and again.
  if (wanted == 0) link_.loop().unwatch(local_.get());
  else if (watched_ == 0)
    link_.loop().watch(local_.get(), wanted, [this](std::uint32_t) {
      local_readable_ = true;  // or broken, which reading tells
      link_.local_event(*this);
    });
  else link_.loop().change(local_.get(), wanted);
  watched_ = wanted;
}

}  // namespace concourse::beacon
