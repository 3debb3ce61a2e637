// One command run by the TSA on a session channel: exec, standard input, standard output, exit status.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/deadline.hpp"
#include "common/ssh/session.hpp"

namespace concourse::ssh {

struct CommandResult {
  int exit_status = 0;  // the TSA knows 0 and 1 only; the reason of a 1 is in the web node's log
  std::string output;
};

class Command {
 public:
  // `input` is sent at once and then ended. Output goes to `on_output` as it comes, or is kept when there is none; keeping more
  // than 16 MiB is an error.
  Command(Session& session, std::string command, std::string input, std::function<void(std::string_view)> on_output = nullptr);
  ~Command();  // an unfinished command's channel is closed, as far as that goes without waiting

  // Goes on as far as possible; true when the command has ended. Throws Error: unavailable for a broken connection; any other kind
  // for a failure of this command alone (conflict: the TSA refuses it; internal: it ended without exit status), whose channel is
  // closed by stepping on until true.
  //
  // libssh2 opens one channel at a time: until started(), no other command of the session may be stepped.
  bool step();
  bool started() const { return phase_ > Phase::exec; }
  const CommandResult& result() const { return result_; }
  // The command without its arguments, which may be thousands of handles.
  std::string verb() const { return command_.substr(0, command_.find(' ')); }

  // Asks for the signal request; the TSA takes any as "stop". Sent by the next steps.
  void interrupt() { interrupt_ = true; }
  // Gives the command up: step() then only closes its channel, and throws for a broken connection only.
  void abandon() { abandoned_ = true; }

 private:
  enum class Phase { open, exec, input, end_input, output, close, done };
  struct Free {
    void operator()(LIBSSH2_CHANNEL* channel) const { libssh2_channel_free(channel); }
  };

  bool advance();  // one phase further; false when it has to wait
  bool read_output();
  bool close();
  std::string what(const char* action) const;

  Session& session_;
  std::string command_, input_;
  std::function<void(std::string_view)> on_output_;
  std::unique_ptr<LIBSSH2_CHANNEL, Free> channel_;
  std::size_t input_sent_ = 0;
  Phase phase_ = Phase::open;
  bool interrupt_ = false, abandoned_ = false;
  CommandResult result_;
};

// A fresh connection to one of the hosts (in random order, all tried, also after a failed handshake), one command, and the
// connection is closed. Blocks, at most until the deadline. Throws Error: when no host could be used, its message names what every
// one of them did; invalid when a host key or our key was refused everywhere.
CommandResult run_command(const TsaOptions& options, const std::string& command, const std::string& input, Deadline deadline);

}  // namespace concourse::ssh
