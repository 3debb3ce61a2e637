#include "common/ssh/command.hpp"

#include <vector>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/ssh/dial.hpp"

namespace concourse::ssh {

namespace {

constexpr std::size_t kMaxOutput = 16 << 20;
constexpr auto kDialLimit = std::chrono::seconds(10);
constexpr auto kHandshakeLimit = std::chrono::seconds(20);

}  // namespace

Command::Command(Session& session, std::string command, std::string input, std::function<void(std::string_view)> on_output)
    : session_(session), command_(std::move(command)), input_(std::move(input)), on_output_(std::move(on_output)) {}

Command::~Command() = default;

std::string Command::what(const char* action) const { return std::string(action) + " '" + verb() + "' on TSA " + session_.host(); }

bool Command::step() {
  const bool quiet = abandoned_;
  try {
    while (phase_ != Phase::done)
      if (!advance()) return false;
  } catch (const Error& e) {
    abandoned_ = true;
    phase_ = channel_ && phase_ != Phase::close ? Phase::close : Phase::done;
    if (!quiet || e.kind() == ErrorKind::unavailable) throw;
    return phase_ == Phase::done;
  }
  return true;
}

bool Command::advance() {
  // A channel that is just being opened has to be waited for: libssh2 can't forget one half way.
  if (abandoned_ && phase_ >= Phase::exec && phase_ < Phase::close) phase_ = Phase::close;
  switch (phase_) {
    case Phase::open:
      channel_.reset(libssh2_channel_open_session(session_.get()));
      if (!channel_) {
        if (libssh2_session_last_errno(session_.get()) == LIBSSH2_ERROR_EAGAIN) return false;
        session_.fail(what("open a channel for"), libssh2_session_last_errno(session_.get()));
      }
      phase_ = Phase::exec;
      return true;
    case Phase::exec:
      if (!session_.done(
              libssh2_channel_process_startup(channel_.get(), "exec", 4, command_.data(), static_cast<unsigned>(command_.size())),
              what("start")))
        return false;
      phase_ = Phase::input;
      return true;
    case Phase::input:
      if (input_sent_ < input_.size()) {
        const auto n = libssh2_channel_write(channel_.get(), input_.data() + input_sent_, input_.size() - input_sent_);
        if (!session_.done(n, what("send the input of"))) return false;
        input_sent_ += static_cast<std::size_t>(n);
        return true;
      }
      phase_ = Phase::end_input;
      return true;
    case Phase::end_input:
      if (!session_.done(libssh2_channel_send_eof(channel_.get()), what("end the input of"))) return false;
      phase_ = Phase::output;
      return true;
    case Phase::output: return read_output();
    case Phase::close: return close();
    case Phase::done: return true;
  }
  return true;
}

bool Command::read_output() {
  if (interrupt_) {
    if (!session_.done(libssh2_channel_signal_ex(channel_.get(), "INT", 3), what("stop"))) return false;
    interrupt_ = false;
  }
  char buffer[16384];
  const auto n = libssh2_channel_read(channel_.get(), buffer, sizeof buffer);
  if (!session_.done(n, what("read the output of"))) return false;
  if (n > 0) {
    const std::string_view bytes(buffer, static_cast<std::size_t>(n));
    if (on_output_) {
      on_output_(bytes);
    } else {
      result_.output += bytes;
      if (result_.output.size() > kMaxOutput) throw Error(ErrorKind::exhausted, what("read the output of") + ": more than 16 MiB");
    }
    return true;
  }
  if (libssh2_channel_eof(channel_.get()) == 0) return false;
  phase_ = Phase::close;
  return true;
}

bool Command::close() {
  // The exit status comes before the peer's close, for which libssh2_channel_close waits.
  if (!session_.done(libssh2_channel_close(channel_.get()), what("close the channel of"))) return false;
  result_.exit_status = libssh2_channel_get_exit_status(channel_.get());
  if (!session_.done(libssh2_channel_free(channel_.get()), what("close the channel of"))) return false;
  (void)channel_.release();
  phase_ = Phase::done;
  if (result_.exit_status < 0 && !abandoned_) throw Error(ErrorKind::internal, what("run") + ": it ended without an exit status");
  return true;
}

CommandResult run_command(const TsaOptions& options, const std::string& command, const std::string& input, Deadline deadline) {
  std::vector<std::string> problems;
  ErrorKind kind = ErrorKind::unavailable;
  for (const auto& host : options.shuffled_hosts()) {
    std::optional<Session> session;
    try {
      session.emplace(dial(host, deadline.or_in(kDialLimit)), host, options);
      const auto handshake = deadline.or_in(kHandshakeLimit);
      wait_until_done(*session, "shake hands", handshake, [&] { return session->handshake(); });
      wait_until_done(*session, "authenticate", handshake, [&] { return session->authenticate(); });
    } catch (const Error& e) {
      problems.emplace_back(e.what());
      kind = e.kind();
      continue;
    }
    Command run(*session, command, input);
    wait_until_done(*session, "run '" + run.verb() + "'", deadline, [&] { return run.step(); });
    session->disconnect("done");
    return run.result();
  }
  throw Error(kind, join(problems, "; "));
}

}  // namespace concourse::ssh
