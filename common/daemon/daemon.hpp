// The frame every service runs in: arguments, logs, signals, control socket, readiness, and the one place where an Error
// becomes an exit status.
//
//   int main(int argc, char** argv) {
//     return daemon::run("concourse-garden", argc, argv, [](daemon::Context& ctx) { …; ctx.ready(); ctx.serve(); });
//   }
//
// Exit status: 0 a clean end, 1 a failure (one line on stderr), 2 a wrong command line or environment.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/config/values.hpp"
#include "common/daemon/control.hpp"
#include "common/daemon/listeners.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::daemon {

class Context {
 public:
  Context(std::string name, std::string program, std::vector<std::string> arguments);

  const std::string& name() const { return name_; }                         // "concourse-garden"
  const std::string& program() const { return program_; }                   // argv[0]
  const std::vector<std::string>& arguments() const { return arguments_; }  // without argv[0]
  EventLoop& loop() { return loop_; }
  Listeners& listeners() { return listeners_; }

  // To be called when all settings have been read and found right: the end of a program that was only to check them.
  void checked(const config::Values& values) const;

  // Opens the logs as `source`, writes there what the settings only warn of, and starts the control socket (name "control", else
  // `control_path`) with the common commands.
  void start(std::string_view source, const config::Values& values, const std::filesystem::path& control_path);

  // Adds a command to the control socket, or a part of the answer to `status`.
  void on_control(std::string command, ControlServer::Handler handler) { control_->on(std::move(command), std::move(handler)); }
  void on_status(std::function<void(Json& status)> fill) { status_.push_back(std::move(fill)); }

  // "Listening and recovered": tells the manager, and starts its watchdog if it asked for one.
  void ready();
  void status_line(const std::string& text);
  // The control socket is a successor's, who answers there from now on; or ours again, when there is none after all.
  void leave_control() { control_->pause(); }
  void take_control_back() { control_->resume(); }
  int control_listener() const { return control_->listener(); }
  // The end has begun: tells the manager. serve() does it by itself.
  void stopping();

  // Runs the loop until TERM, INT or finish(). TERM and INT call `on_stop` once; it must call finish(), now or later.
  // A second TERM or INT finishes at once.
  void serve(const std::function<void()>& on_stop = nullptr);
  void finish(int exit_status = 0);
  int exit_status() const { return exit_status_; }

 private:
  ControlAnswer adopt(std::vector<UniqueFd>& fds);

  std::string name_, program_;
  std::vector<std::string> arguments_;
  EventLoop loop_;
  Listeners listeners_;
  const std::int64_t start_time_;  // Unix seconds
  std::unique_ptr<ControlServer> control_;
  std::vector<std::function<void(Json&)>> status_;
  std::string state_ = "starting";
  int exit_status_ = 0;
  bool stopping_ = false;
  std::vector<std::pair<std::string, int>> lent_listeners_;  // name, descriptor: for a new supervisor

 public:
  // Remembers a listener, so that a new supervisor can be given it with `adopt`. The descriptor stays the caller's.
  void lend(const std::string& name, int fd) { lent_listeners_.emplace_back(name, fd); }
};

// Calls `body` with signals TERM, INT and CHLD blocked and PIPE ignored; turns what it throws into one line on stderr.
int run(const std::string& name, int argc, char** argv, const std::function<void(Context&)>& body);

}  // namespace concourse::daemon
