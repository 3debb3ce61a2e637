// One attachment to a process, from here: our input and signals to it, its outputs to ours, until it has ended.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/loop/event_loop.hpp"
#include "services/ctl/process/calls.hpp"
#include "services/ctl/process/output_pump.hpp"
#include "services/ctl/process/terminal.hpp"
#include "services/ctl/process/text_input.hpp"

namespace concourse::ctl {

struct SessionOptions {
  bool input = true;           // pass our standard input on
  bool terminal = false;       // the process has one: keys as they are typed, window sizes
  bool detach_on_int = false;  // INT, TERM and HUP leave the process alone and end only us; else they go to it
};

class Session {
 public:
  Session(const ProcessCalls& calls, Stream main, SessionOptions options);  // throws Error
  ~Session();

  const std::string& process_id() const { return process_id_; }

  // Its exit status; nothing if we have detached. The terminal is then as it was before, also after a throw: Error(unavailable)
  // when the container has gone, Error(invalid) for input that can't be sent, Error(cancelled) after the third signal.
  std::optional<int> run();

 private:
  void watch_signals();
  void interrupted(int number);
  void send(Json message);
  void flush();
  void read_main();
  void obey(const Json& message);
  void read_input();
  void bad_input(const Error& why);
  void input_ended();
  void update_input();
  void send_window();
  void look_at_outputs();
  void fail(ErrorKind kind, const std::string& why);

  const SessionOptions options_;
  EventLoop loop_;
  UniqueFd main_;
  std::string received_, out_;  // of and for the main stream
  std::string process_id_;
  TextInput text_;
  std::unique_ptr<RawTerminal> raw_;
  std::unique_ptr<OutputPump> stdout_, stderr_;
  bool input_open_, input_watchable_ = true, watching_input_ = false, input_due_ = false;
  bool main_ended_ = false, detached_ = false, told_broken_ = false;
  int interrupts_ = 0;
  std::optional<int> exit_status_;
  std::optional<Error> failure_;
};

}  // namespace concourse::ctl
