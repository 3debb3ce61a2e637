// One registration of the worker: a link on which the TSA forwards Garden and BaggageClaim and runs forward-worker for us.
//
//   connecting → forwarding → registering → registered → stopping → ended
//
// All callbacks come from the loop, never from inside a call to us; after `on_ended` there are no more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/loop/event_loop.hpp"
#include "services/beacon/connector.hpp"
#include "services/beacon/event_reader.hpp"
#include "services/beacon/link.hpp"
#include "services/beacon/options.hpp"

namespace concourse::beacon {

enum class RegistrationEnd {
  lost,     // connecting failed, or the connection broke
  refused,  // the TSA ended it with status 1: it says no more; the reason is in the web node's log
  over,     // the web knows the worker no more, or has landed it
  drained,  // stopped by us, and the TSA has seen its last connection end
};

class Registration {
 public:
  struct Callbacks {
    std::function<void()> on_registered;  // the first time
    std::function<void()> on_heartbeat;
    std::function<void(RegistrationEnd end, const std::string& reason)> on_ended;
  };

  // Starts at once. `worker` is the JSON that forward-worker gets. `options` must outlive it.
  Registration(EventLoop& loop, Background& background, const Options& options, std::vector<std::string> hosts, std::string worker,
               Callbacks callbacks);
  ~Registration();

  // Heartbeats stop and no new connection comes; those that are open go on. Ends with `drained`.
  void stop();

  std::string state() const;  // the word of the picture above
  bool registered() const { return phase_ == Phase::registered; }
  Link* link() const { return link_.get(); }  // none while connecting
  const std::string& host() const { return host_; }
  std::optional<Clock::time_point> registered_at() const { return registered_at_; }
  std::optional<Clock::time_point> last_heartbeat() const { return last_heartbeat_; }
  Clock::time_point phase_since() const { return phase_since_; }

  // How long heartbeats may stay away before something is wrong: one and a half of what was seen between two.
  Duration heartbeat_limit() const;

 private:
  enum class Phase { connecting, forwarding, registering, registered, stopping, ended };

  void connected(std::unique_ptr<ssh::Session> session);
  void forward();
  void start();
  void take(std::string_view output);
  void command_ended(const std::optional<ssh::CommandResult>& result, const std::string& error);
  void enter(Phase phase);
  void end(RegistrationEnd how, const std::string& reason);

  EventLoop& loop_;
  Background& background_;
  const Options& options_;
  std::string worker_;
  Callbacks callbacks_;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<Link> link_;
  std::shared_ptr<Link::Job> command_;
  EventReader events_;
  std::string host_;
  Phase phase_ = Phase::connecting;
  Clock::time_point phase_since_ = Clock::now();
  std::optional<Clock::time_point> registered_at_, last_heartbeat_;
  std::optional<Duration> heartbeat_interval_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
