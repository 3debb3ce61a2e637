// One service as the supervisor sees it: its process, whether it is ready, and when it is started again.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/loop/event_loop.hpp"
#include "services/supervisor/notify_socket.hpp"
#include "services/supervisor/process.hpp"
#include "services/supervisor/restart_policy.hpp"
#include "services/supervisor/service_spec.hpp"
#include "services/supervisor/sockets.hpp"
#include "services/supervisor/takeover.hpp"

namespace concourse::supervisor {

class Service {
 public:
  struct Hooks {
    std::function<void(Service&)> started;                     // each time it has a process
    std::function<void(Service&)> ready;                       // each time it has become ready
    std::function<void(Service&)> down;                        // it has ended, and is not started again
    std::function<void(Service&, const Error& why)> given_up;  // it can't be started; no more tries
    // It has ended though nobody here asked. True if that is the end that was waited for: then it counts as down.
    std::function<bool(Service&, std::optional<os::ExitStatus>)> ended;
    std::function<void()> read_notifications;  // reads what services have said before they ended
  };

  Service(EventLoop& loop, const Sockets& sockets, ServiceSpec spec, Hooks hooks);
  ~Service();  // leaves the process running
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const ServiceSpec& spec() const { return spec_; }
  const std::string& name() const { return spec_.name; }

  void start();                            // unless it runs; failures are handled as an end
  void take_over(const Running& running);  // a running process in place of a start
  void restart(const std::string& why);    // stop, then start; not counted as a failure
  void stop(Duration limit);               // TERM, KILL when the limit has passed, then hooks.down; no restart
  // Starts a successor while the present process goes on, and gives that away: it isn't ours any more.
  Process succeed(const std::string& why);
  void hold();  // if it has no process: no more starts
  void notified(const Notification& notification);
  void on_end();  // the process has ended: reaps it and decides what comes next

  bool up() const { return process_.has_value(); }
  bool ready() const { return policy_.state() == RestartPolicy::State::ready; }
  bool ever_ready() const { return policy_.ever_ready(); }
  bool started() const { return started_; }  // at least once, or taken over
  bool stopping() const { return process_ && purpose_ == Purpose::stop; }
  pid_t pid() const { return process_ ? process_->pid() : -1; }
  const std::string& status_line() const { return status_line_; }
  Json status() const;

 private:
  enum class Purpose { run, stop, restart };  // what should happen when the process ends

  void watch();
  void failed(std::optional<os::ExitStatus> status, const std::string& how);
  void arm(Duration limit, const std::string& why_killed);
  void end_process(Duration limit);
  std::string state_name() const;

  EventLoop& loop_;
  const Sockets& sockets_;
  ServiceSpec spec_;
  Hooks hooks_;
  RestartPolicy policy_;
  std::optional<Process> process_;
  Purpose purpose_ = Purpose::run;
  bool started_ = false;
  int restarts_ = 0;
  std::string status_line_;  // its own last words
  std::optional<int> told_exit_status_;
  std::string last_end_;       // how it ended the last time
  Clock::time_point since_{};  // of the present process
  EventLoop::TimerId kill_timer_ = 0, start_timer_ = 0;
};

}  // namespace concourse::supervisor
