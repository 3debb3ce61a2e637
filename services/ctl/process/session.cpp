#include "services/ctl/process/session.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/os/unix_socket.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kFirstMessage = std::chrono::minutes(1);
constexpr auto kLastOutput = std::chrono::seconds(2);  // of a container that has gone
constexpr std::size_t kInputAhead = 64 << 10;          // bytes read and not taken yet
constexpr int kTerminate = 0, kKill = 1;               // Garden's signals

std::optional<std::string> take_line(std::string& text) {
  const auto end = text.find('\n');
  if (end == std::string::npos) return std::nullopt;
  auto line = text.substr(0, end);
  text.erase(0, end + 1);
  return line;
}

}  // namespace

Session::Session(const ProcessCalls& calls, Stream main, SessionOptions options)
    : options_(options),
      main_(std::move(main.connection)),
      received_(std::move(main.early)),
      text_(/*tolerant=*/options.terminal),
      input_open_(options.input) {
  const auto deadline = Deadline::in(kFirstMessage);
  std::optional<std::string> line;
  while (!(line = take_line(received_))) {
    char bytes[4096];
    const auto n = ::recv(main_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) received_.append(bytes, static_cast<std::size_t>(n));
    else if (n == 0 || (errno != EAGAIN && errno != EINTR) || !os::wait_for(main_.get(), POLLIN, deadline))
      throw Error(ErrorKind::unavailable, "container '" + calls.handle() + "' gave no stream of its process");
  }
  const auto first = parse_json(*line);
  process_id_ = string_field(first, "process_id");
  const auto changed = [this] { look_at_outputs(); };
  const auto connect = [&](const char* which, int target) {
    auto stream = calls.output(process_id_, string_field(first, "stream_id"), which);
    return std::make_unique<OutputPump>(loop_, std::move(stream), target, changed);
  };
  stdout_ = connect("stdout", STDOUT_FILENO);
  stderr_ = connect("stderr", STDERR_FILENO);
}

Session::~Session() = default;

std::optional<int> Session::run() {
  watch_signals();
  if (options_.terminal && options_.input && ::isatty(STDIN_FILENO) != 0)
    raw_ = std::make_unique<RawTerminal>(options_.detach_on_int ? Keys::but_ctrl_c : Keys::all);
  loop_.watch(main_.get(), EPOLLIN, [this](std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) flush();
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read_main();
  });
  if (options_.terminal) send_window();
  loop_.after(Duration::zero(), [this] {  // what has come with the answer's head
    read_main();
    update_input();
  });
  loop_.run();
  raw_.reset();
  if (failure_) throw *failure_;
  return detached_ ? std::nullopt : exit_status_;
}

void Session::watch_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    loop_.on_signal(number, "to the process, or detach", [this, number] { interrupted(number); });
  if (!options_.terminal) return;
  loop_.on_signal(SIGWINCH, "tell the process its window's size", [this] { send_window(); });
  loop_.on_signal(SIGCONT, "take the terminal over again", [this] {
    if (raw_) raw_->again();
    send_window();
  });
}

void Session::interrupted(int number) {
  if (options_.detach_on_int) {
    detached_ = true;
    return loop_.stop();
  }
  // Whoever loses the terminal can't ask a second time, and shells with a terminal ignore TERM.
  if (number == SIGHUP && options_.terminal) interrupts_ = 1;
  if (++interrupts_ > 2) return fail(ErrorKind::cancelled, "process '" + process_id_ + "' doesn't end; it is left to itself");
  send({{"signal", interrupts_ == 1 ? kTerminate : kKill}});
}

void Session::send(Json message) {
  message["process_id"] = process_id_;
  out_ += dump_json(message) + "\n";
  flush();
}

void Session::flush() {
  while (!out_.empty() && !main_ended_) {
    const auto n = ::send(main_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) out_.clear();  // its end is told by reading
    if (n < 0) break;
    out_.erase(0, static_cast<std::size_t>(n));
  }
  if (!main_ended_) loop_.change(main_.get(), EPOLLIN | (out_.empty() ? 0u : static_cast<std::uint32_t>(EPOLLOUT)));
  update_input();
}

void Session::read_main() {
  char bytes[4096];
  ssize_t n = 0;
  while (!main_ended_ && (n = ::recv(main_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    received_.append(bytes, static_cast<std::size_t>(n));
  const bool ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
  while (const auto line = take_line(received_)) obey(parse_json(*line));
  if (!ended || main_ended_) return;
  main_ended_ = true;
  loop_.unwatch(main_.get());
  if (exit_status_ || failure_) return look_at_outputs();
  // Its outputs end as well; what they have still to say is worth a moment.
  failure_.emplace(ErrorKind::unavailable, "the stream of process '" + process_id_ +
                                               "' ended without an exit status: its container has ended or was destroyed");
  loop_.after(kLastOutput, [this] { loop_.stop(); });
  look_at_outputs();
}

void Session::obey(const Json& message) {
  if (find_field(message, "exit_status") != nullptr) exit_status_ = static_cast<int>(int_field(message, "exit_status"));
  else if (const auto error = string_field(message, "error"); !error.empty()) failure_.emplace(ErrorKind::internal, error);
  else return;
  input_open_ = false;
  update_input();
  look_at_outputs();
}

void Session::update_input() {
  const bool wanted = input_open_ && !main_ended_ && out_.size() < kInputAhead;
  if (wanted && !watching_input_ && input_watchable_) {
    try {
      loop_.watch(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { read_input(); });
    } catch (const SysError& e) {
      input_watchable_ = false;
      if (e.error_number() != EPERM) return input_ended();  // else a file, which is always ready
    }
  }
  if (!wanted && watching_input_) loop_.unwatch(STDIN_FILENO);
  watching_input_ = wanted && input_watchable_;
  if (!wanted || input_watchable_ || std::exchange(input_due_, true)) return;
  loop_.after(Duration::zero(), [this] {
    input_due_ = false;
    read_input();
  });
}

void Session::read_input() {
  if (!input_open_ || out_.size() >= kInputAhead) return;
  char bytes[16384];
  const auto n = ::read(STDIN_FILENO, bytes, sizeof bytes);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  try {
    if (n <= 0) return input_ended();
    if (auto text = text_.take({bytes, static_cast<std::size_t>(n)}); !text.empty())
      send({{"source", 0}, {"data", std::move(text)}});
    else update_input();
  } catch (const Error& e) {
    bad_input(e);
  }
}

void Session::bad_input(const Error& why) {
  // A process that was started for it would wait for the rest for ever.
  input_open_ = false;
  if (!options_.detach_on_int) send({{"signal", kKill}});
  fail(why.kind(), why.what());
}

void Session::input_ended() {
  input_open_ = false;
  if (auto text = text_.rest(); !text.empty()) send({{"source", 0}, {"data", std::move(text)}});
  // A terminal has no end of input: its users type one, and one before it to end a line that has none.
  if (options_.terminal && ::isatty(STDIN_FILENO) == 0) send({{"source", 0}, {"data", "\x04\x04"}});
  else send({{"source", 0}});
}

void Session::send_window() {
  if (const auto size = own_window_size()) send({{"tty", {{"window_size", {{"columns", size->columns}, {"rows", size->rows}}}}}});
}

void Session::look_at_outputs() {
  if (stdout_ == nullptr || stderr_ == nullptr) return;
  for (const auto* output : {stdout_.get(), stderr_.get()}) {
    if (output->broken() == 0 || std::exchange(told_broken_, true)) continue;
    // Nobody reads on: as for a process of this machine that writes to a pipe without a reader.
    if (options_.detach_on_int) return interrupted(SIGPIPE);
    send({{"signal", kTerminate}});
  }
  if ((exit_status_ || failure_) && stdout_->ended() && stderr_->ended()) loop_.stop();
}

void Session::fail(ErrorKind kind, const std::string& why) {
  failure_.emplace(kind, why);
  loop_.stop();
}

}  // namespace concourse::ctl
