// One authenticated SSH connection to a TSA, in the event loop: reverse forwards, their channels, commands, keepalives.
//
// libssh2 keeps one input stream for all channels, so whoever reads anything reads for everybody. pump() therefore goes over all
// parts until a whole round has neither received nor moved anything. All callbacks are called from the loop, never from inside a
// call to us.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/loop/event_loop.hpp"
#include "common/ssh/command.hpp"
#include "common/ssh/session.hpp"
#include "services/beacon/background.hpp"
#include "services/beacon/forwarded_channel.hpp"
#include "services/beacon/options.hpp"
#include "services/beacon/round_trip.hpp"

namespace concourse::beacon {

struct LinkStats {
  std::uint64_t wire_in = 0, wire_out = 0;            // encrypted bytes of the connection
  std::uint64_t forwarded_in = 0, forwarded_out = 0;  // bytes to and from the local services
  std::uint64_t channels_opened = 0;
};

class Link {
 public:
  using OnDone = std::function<void(const std::string& error)>;  // empty: it worked
  using OnResult = std::function<void(const std::optional<ssh::CommandResult>& result, const std::string& error)>;

  // Takes a session that has authenticated. `on_lost` is called once, with the reason, when the connection is of no use any more.
  Link(EventLoop& loop, Background& background, std::unique_ptr<ssh::Session> session, OnDone on_lost);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Asks the TSA to forward what it names `port` to `target`, which must outlive the link. One after the other.
  void forward(int port, const LocalTarget& target, OnDone on_done);

  // Runs a command; several may run at the same time. `limit` bounds it from now on; zero is no limit (forward-worker). `on_result`
  // is called exactly once, even when the link is gone before.
  struct Job;
  std::shared_ptr<Job> run(std::string command, std::string input, Duration limit, OnResult on_result,
                           std::function<void(std::string_view)> on_output = nullptr);
  void interrupt(const std::shared_ptr<Job>& job);

  // Ends the channels that can be ended without harm (ForwardedChannel::can_be_cut). What is in the middle of something goes on:
  // call again until channels() is 0.
  void cut_channels(ForwardedChannel::Cut what, Duration quiet);

  void disconnect(const char* reason);  // a last word to the peer

  const std::string& host() const { return session_->host(); }
  std::size_t channels() const { return channels_.size(); }
  LinkStats stats() const;
  Clock::time_point last_forwarded() const { return last_forwarded_; }
  Clock::time_point last_received() const { return session_->traffic().last_in; }
  // Of the last keepalive that was answered; nothing before the first answer, and with a libssh2 that doesn't tell.
  std::optional<Duration> round_trip() const { return round_trip_.last(); }
  bool lost() const { return lost_; }

  // For the channels.
  EventLoop& loop() { return loop_; }
  Background& background() { return background_; }
  std::vector<char>& scratch() { return scratch_; }
  void count_forwarded(std::size_t in, std::size_t out);
  void local_event(ForwardedChannel& channel);
  // Reads a TCP socket that we have ended until the other side ends too, at most a while: closing it now might reset it.
  void linger(UniqueFd socket);

 private:
  struct Listen {
    int port;
    const LocalTarget* target;
    OnDone on_done;
  };
  struct Listener {
    LIBSSH2_LISTENER* handle;
    const LocalTarget* target;
  };

  void pump();
  void pump_once();
  void accept_channels();
  void step_listens();
  void step_jobs();
  void finish(const std::shared_ptr<Job>& job, std::optional<ssh::CommandResult> result, const std::string& error);
  void pump_channels();
  void watch_socket();
  void tick();
  void send_keepalive();
  void retry_connecting();
  void end_linger(int fd);
  void fail(const std::string& reason);
  void guarded(const std::function<void()>& step);
  void later(std::function<void()> call);  // from the loop, unless we are gone by then

  EventLoop& loop_;
  Background& background_;
  std::unique_ptr<ssh::Session> session_;
  OnDone on_lost_;
  std::list<Listen> listens_;
  std::vector<Listener> listeners_;
  std::list<std::shared_ptr<Job>> jobs_;  // before session_ is gone, their channels are
  std::vector<std::unique_ptr<ForwardedChannel>> channels_;
  std::vector<char> scratch_;
  LinkStats stats_;
  Clock::time_point last_forwarded_ = Clock::now();
  RoundTrip round_trip_;
  bool lost_ = false;
  bool moved_ = false;  // since the pump's round began
  std::uint32_t watched_ = 0;
  EventLoop::TimerId tick_timer_ = 0, keepalive_timer_ = 0, connect_timer_ = 0;
  std::map<int, std::pair<UniqueFd, Clock::time_point>> lingering_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
