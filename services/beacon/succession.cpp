#include "services/beacon/succession.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/launch.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/notify.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::beacon {

namespace {

constexpr const char* kPredecessor = "predecessor";
constexpr auto kRegisterInTime = std::chrono::minutes(3);

// The path that we were started by, where a newer version may lie now.
std::string program_path(const std::string& argv0) {
  if (argv0.starts_with('/')) return argv0;
  auto path = std::filesystem::read_symlink("/proc/self/exe").string();
  constexpr std::string_view kReplaced = " (deleted)";
  return path.ends_with(kReplaced) ? path.substr(0, path.size() - kReplaced.size()) : path;
}

// WATCHDOG_PID names us; without it the watchdog is whoever's READY=1 counts.
std::vector<std::string> successors_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("WATCHDOG_PID=")) out.emplace_back(*entry);
  return out;
}

// Whether a byte came; otherwise the other side has ended.
bool got_word(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

void say_word(int fd) { (void)::send(fd, "+", 1, MSG_NOSIGNAL | MSG_DONTWAIT); }

}  // namespace

Succession::Succession(daemon::Context& ctx) : ctx_(ctx) {
  auto fd = ctx.listeners().take_inherited(kPredecessor);
  if (!fd) return;
  predecessor_ = std::move(*fd);
  daemon::hold_notifications();
  ctx_.loop().watch(predecessor_.get(), EPOLLIN, [this](std::uint32_t) { predecessor_says(); });
}

Succession::~Succession() { close(); }

void Succession::close() {
  ctx_.loop().cancel(limit_);
  for (auto* fd : {&predecessor_, &successor_}) {
    if (*fd) ctx_.loop().unwatch(fd->get());
    fd->reset();
  }
}

void Succession::registered() {
  if (!predecessor_ || std::exchange(told_, true)) return;
  say_word(predecessor_.get());
}

void Succession::predecessor_says() {
  const bool ours = got_word(predecessor_.get());
  close();
  if (ours) {
    log::info("took the place of the beacon before this one", {});
    return daemon::release_notifications();
  }
  log::error("not needed: the beacon before this one goes on, or has ended", {});
  ctx_.finish(1);
}

void Succession::begin(Beacon& beacon) {
  if (predecessor_ || successor_) throw Error(ErrorKind::conflict, "the beacon is being replaced already");
  if (beacon.supervised()) throw Error(ErrorKind::conflict, "a supervisor runs this beacon: ask it for the restart");
  beacon.hand_over();
  ctx_.leave_control();
  try {
    auto [ours, theirs] = os::socket_pair(SOCK_STREAM);
    std::vector<std::string> argv{program_path(ctx_.program())};
    argv.insert(argv.end(), ctx_.arguments().begin(), ctx_.arguments().end());
    const auto pid = daemon::launch({.argv = std::move(argv),
                                     .environment = successors_environment(),
                                     .listeners = {{"control", ctx_.control_listener()}, {kPredecessor, theirs.get()}},
                                     .sibling = true});
    log::info("successor started", {{"pid", static_cast<std::int64_t>(pid)}});
    successor_ = std::move(ours);
    ctx_.loop().watch(successor_.get(), EPOLLIN, [this, &beacon, pid](std::uint32_t) { successor_says(beacon, pid); });
    limit_ = ctx_.loop().after(kRegisterInTime, [this, &beacon] { take_back(beacon, "it was not registered in time"); });
  } catch (const std::exception& e) {
    take_back(beacon, e.what());
    throw;
  }
}

void Succession::successor_says(Beacon& beacon, pid_t pid) {
  if (!got_word(successor_.get())) return take_back(beacon, "it ended before it was registered");
  daemon::notify("MAINPID=" + std::to_string(pid));
  daemon::hold_notifications();
  say_word(successor_.get());
  close();
  beacon.leave();
}

void Succession::take_back(Beacon& beacon, const std::string& reason) {
  log::error("no successor, this beacon goes on", {{"error", reason}});
  close();
  ctx_.take_control_back();
  beacon.take_back();
}

}  // namespace concourse::beacon
