#include "common/daemon/daemon.hpp"

#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "common/base/error.hpp"
#include "common/config/groups.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/notify.hpp"
#include "common/os/unix_socket.hpp"
#include "common/version.hpp"

namespace concourse::daemon {

namespace {
// malloc_trim(3) gives the end of the first pool back and of no other: with several, a service keeps what a busy time took.
constexpr int kMaxArenas = 1;
}  // namespace

Context::Context(std::string name, std::string program, std::vector<std::string> arguments)
    : name_(std::move(name)),
      program_(std::move(program)),
      arguments_(std::move(arguments)),
      listeners_(Listeners::inherit()),
      start_time_(std::time(nullptr)) {}

void Context::checked(const config::Values& values) const {
  if (values.flag(config::kCheckConfig)) throw config::HelpShown();
}

void Context::start(std::string_view source, const config::Values& values, const std::filesystem::path& control_path) {
  log::start(source, log::parse_level(values.text("log-level")), log::parse_format(values.text("log-format")));
  for (const auto& warning : values.warnings) log::warn(warning);
  auto listener = listeners_.take("control", control_path);
  lend("control", listener.get());
  control_ = std::make_unique<ControlServer>(loop_, std::move(listener));
  control_->on("status", [this](const Json&, auto&) {
    ControlAnswer answer;
    answer.body = {{"service", name_}, {"pid", getpid()}, {"state", state_}, {"version", kVersion}, {"start_time", start_time_}};
    for (const auto& fill : status_) fill(answer.body);
    return answer;
  });
  control_->on("log-level", [](const Json& question, auto&) {
    log::set_level(log::parse_level(string_field(question, "level")));
    return ControlAnswer{};
  });
  control_->on("adopt", [this](const Json&, auto& fds) { return adopt(fds); });
}

// A new supervisor introduces itself: from now on our stdout and stderr are the ones it sends, and it gets our listening
// sockets, so that it can hand them to our successor.
ControlAnswer Context::adopt(std::vector<UniqueFd>& fds) {
  if (fds.size() == 2) {
    dup2(fds[0].get(), STDOUT_FILENO);
    dup2(fds[1].get(), STDERR_FILENO);
  }
  ControlAnswer answer;
  answer.body["pid"] = getpid();
  answer.body["state"] = state_;
  answer.body["version"] = kVersion;
  answer.body["listeners"] = Json::array();
  for (const auto& [name, fd] : lent_listeners_) {
    answer.body["listeners"].push_back(name);
    answer.fds.push_back(fd);
  }
  return answer;
}

void Context::ready() {
  state_ = "ready";
  ::malloc_trim(0);  // what the start took
  notify("READY=1\nSTATUS=ready");
  log::info("ready", {{"version", kVersion}, {"pid", static_cast<std::int64_t>(getpid())}});
  if (const auto period = watchdog_half_period_us(); period > 0)
    loop_.every(std::chrono::microseconds(period), [] { notify("WATCHDOG=1"); });
}

void Context::stopping() {
  state_ = "stopping";
  notify("STOPPING=1\nSTATUS=stopping");
}

void Context::status_line(const std::string& text) { notify("STATUS=" + text); }

void Context::serve(const std::function<void()>& on_stop) {
  const auto stop = [this, on_stop] {
    if (stopping_ || !on_stop) return finish(exit_status_);
    stopping_ = true;
    stopping();
    on_stop();
  };
  loop_.on_signal(SIGTERM, "stop in order", stop);
  loop_.on_signal(SIGINT, "stop in order", stop);
  loop_.run();
}

void Context::finish(int exit_status) {
  exit_status_ = exit_status;
  loop_.stop();
}

namespace {

// A supervisor that took us over isn't our parent, so the kernel doesn't tell it how we ended.
int ended(int exit_status) {
  notify("EXIT_STATUS=" + std::to_string(exit_status));
  return exit_status;
}

// The one line of a failed program, for the person at the terminal and for the manager's status display.
int fail(const std::string& name, const char* what, int exit_status) {
  std::fprintf(stderr, "%s: error: %s\n", name.c_str(), what);
  notify(std::string("STATUS=") + what);
  return ended(exit_status);
}

}  // namespace

int run(const std::string& name, int argc, char** argv, const std::function<void(Context&)>& body) {
  // Blocked before any thread starts, so that no thread but the loop's ever sees them.
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1, SIGUSR2, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  mallopt(M_ARENA_MAX, kMaxArenas);
  umask(022);
  try {
    Context context(name, argv[0], std::vector<std::string>(argv + 1, argv + argc));
    body(context);
    return ended(context.exit_status());
  } catch (const config::HelpShown&) {
    return 0;
  } catch (const Problems& e) {
    if (std::find(argv, argv + argc, std::string("--") + config::kCheckConfig) != argv + argc)
      for (const auto& problem : e.each()) std::fprintf(stderr, "%s: error: %s\n", name.c_str(), problem.c_str());
    else return fail(name, e.what(), e.kind() == ErrorKind::usage ? 2 : 1);
    return ended(e.kind() == ErrorKind::usage ? 2 : 1);
  } catch (const Error& e) {
    return fail(name, e.what(), e.kind() == ErrorKind::usage ? 2 : 1);
  } catch (const std::exception& e) {
    return fail(name, e.what(), 1);
  }
}

}  // namespace concourse::daemon
