#include "services/shim/process_table.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/protocol/shim.hpp"
#include "services/shim/exit_status.hpp"
#include "services/shim/linger.hpp"

namespace concourse::shim {

namespace {

namespace wire = concourse::protocol::shim;

constexpr auto kGrace = std::chrono::seconds(10);  // between TERM and KILL, as in the peers
constexpr int kPipeSize = 1 << 20;
constexpr int kKilled = 128 + SIGKILL;

}  // namespace

ProcessTable::ProcessTable(EventLoop& loop, std::filesystem::path container_dir, const wire::Config& config, Events& events)
    : loop_(loop),
      dir_(std::move(container_dir)),
      environment_(config.environment),
      owner_(config.owner),
      events_(events),
      init_(loop),
      oom_watch_(loop, config, [this](const std::string& line) {
        events_.add("out of memory", {{"kills", oom_watch_.kills()}});
        for (const auto& [token, process] : by_token_) process->note(line);
      }) {}

// Three pipes: the returned ends are ours, `ends` go inside. They belong to the container's root, so that the init can give
// them to the process' user.
ProcessStreams ProcessTable::make_pipes(UniqueFd ends[3]) const {
  ProcessStreams ours;
  UniqueFd* mine[] = {&ours.in, &ours.out, &ours.err};
  for (int i = 0; i < 3; ++i) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) throw SysError("make a pipe");
    *mine[i] = UniqueFd(fds[i == 0 ? 1 : 0]);
    ends[i] = UniqueFd(fds[i == 0 ? 0 : 1]);
    if (owner_ != 0 && fchown(fds[0], owner_, owner_) != 0) throw SysError("give a pipe to the container");
    if (i == 1) (void)fcntl(fds[0], F_SETPIPE_SZ, kPipeSize);
  }
  return ours;
}

void ProcessTable::run(concourse::protocol::garden::ProcessSpec spec, UniqueFd connection, std::string leftover, Done done,
                       std::string request) {
  if (spec.id.empty()) spec.id = make_uuid();
  const auto refuse = [&](const char* kind, const std::string& why) {
    const Refusal refusal{kind, why};
    done(&refusal, spec.id);
  };
  if (spec.id.size() > 80) return refuse(wire::kOther, "process id '" + spec.id + "' is longer than 80 bytes");
  if (processes_.contains(spec.id)) return refuse(wire::kConflict, "process ID '" + spec.id + "' already in use");
  if (refusing_) return refuse(wire::kOther, "container is being destroyed");
  if (!init_.is_open()) return refuse(wire::kOther, "container is not running");
  const auto token = next_token_++;
  try {
    UniqueFd ends[3];
    Starting starting{spec.id, {}, std::move(connection), std::move(leftover), done};
    if (!spec.tty) starting.streams = make_pipes(ends);
    init_.spawn(token, encode_spec(spec, environment_), ends[0].get(), ends[1].get(), ends[2].get());
    processes_[spec.id] = std::make_unique<Process>(loop_, init_, spec.id, token, spec.tty.has_value(), std::move(request));
    starting_[token] = std::move(starting);
  } catch (const std::exception& e) {
    refuse(wire::kOther, e.what());
  }
}

void ProcessTable::process_terminal(std::uint32_t token, UniqueFd master) {
  if (const auto found = starting_.find(token); found != starting_.end()) found->second.streams.out = std::move(master);
}

void ProcessTable::process_spawned(std::uint32_t token) {
  auto node = starting_.extract(token);
  if (node.empty()) return;
  auto& starting = node.mapped();
  Process& process = *processes_.at(starting.process_id);
  process.started(std::move(starting.streams));
  by_token_[token] = &process;
  add_event("process started", process, {{"tty", process.tty()}});
  process.attach(std::move(starting.connection), starting.leftover, 201);
  starting.done(nullptr, process.id());
}

void ProcessTable::process_failed(std::uint32_t token, init_wire::Failure failure, const std::string& why) {
  auto node = starting_.extract(token);
  if (node.empty()) return;
  auto& starting = node.mapped();
  processes_.erase(starting.process_id);  // it never ran: its id is free
  const Refusal refusal{failure == init_wire::Failure::executable_not_found ? wire::kExecutableNotFound : wire::kOther, why};
  starting.done(&refusal, starting.process_id);
}

void ProcessTable::add_event(std::string_view name, const Process& process, Json fields) {
  fields["process"] = process.id();
  if (!process.request().empty()) fields["request"] = process.request();
  events_.add(name, std::move(fields));
}

void ProcessTable::end_process(Process& process, int status) {
  try {
    save_exit_status(dir_, process.id(), status);
  } catch (const std::exception& e) {
    // Without room for the record the end is still told: a build that hangs for ever is worse than one that a crash of this
    // shim could make forget its end.
    dprintf(STDERR_FILENO, "concourse-shim: %s\n", e.what());
  }
  add_event("process ended", process, {{"status", status}});
  process.exited(status);
}

void ProcessTable::process_exited(std::uint32_t token, int status) {
  oom_watch_.check();  // while the process that ends can still be told
  const auto node = by_token_.extract(token);
  if (!node.empty()) end_process(*node.mapped(), status);
}

void ProcessTable::attach(const std::string& process_id, UniqueFd connection, const std::string& leftover, const Done& done) {
  const auto found = processes_.find(process_id);
  if (found == processes_.end() || starting_.contains(found->second->token())) {
    const Refusal refusal{wire::kProcessNotFound, "unknown process: " + process_id};
    return done(&refusal, process_id);
  }
  found->second->attach(std::move(connection), leftover, 200);
  done(nullptr, process_id);
}

void ProcessTable::output(const std::string& stream_id, bool is_stderr, UniqueFd connection) {
  for (const auto& [id, process] : processes_)
    if (process->connect_output(stream_id, is_stderr, connection)) return;
  // An unknown or finished stream is an empty one.
  constexpr std::string_view kEmpty = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  (void)!::send(connection.get(), kEmpty.data(), kEmpty.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  linger(loop_, std::move(connection));
}

void ProcessTable::stop(bool kill, std::function<void()> done) {
  if (!init_.is_open()) return done();
  stopping_.push_back(std::move(done));
  init_.signal_all(kill ? SIGKILL : SIGTERM);
  loop_.cancel(grace_);
  if (!kill) grace_ = loop_.after(kGrace, [this] { init_.signal_all(SIGKILL); });
}

void ProcessTable::quiet() {
  loop_.cancel(grace_);
  for (auto& done : std::exchange(stopping_, {})) done();
}

void ProcessTable::init_gone(const std::string& why) {
  for (auto& [token, starting] : std::exchange(starting_, {})) {
    processes_.erase(starting.process_id);
    const Refusal refusal{wire::kOther, why};
    starting.done(&refusal, starting.process_id);
  }
  oom_watch_.check();  // perhaps why; while they can still be told
  // The end of pid 1 is a KILL for everybody else.
  for (auto& [token, process] : std::exchange(by_token_, {})) end_process(*process, kKilled);
  quiet();
  if (on_gone_) on_gone_(why);
}

bool ProcessTable::unattended() const {
  return std::none_of(processes_.begin(), processes_.end(), [](const auto& entry) { return entry.second->has_attachments(); });
}

void ProcessTable::drop_unclaimed() {
  for (const auto& [id, process] : processes_) process->drop_unclaimed();
}

Json ProcessTable::describe() const {
  Json list = Json::array();
  for (const auto& [id, process] : processes_) {
    Json one = {{"id", id}, {"running", !process->exit_status().has_value()}, {"tty", process->tty()}};
    if (process->exit_status()) one["status"] = *process->exit_status();
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace concourse::shim
