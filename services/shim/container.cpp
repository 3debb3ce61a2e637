#include "services/shim/container.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"
#include "services/shim/mounts.hpp"

namespace concourse::shim {

namespace {

constexpr auto kRemoveLimit = std::chrono::seconds(60);
constexpr auto kStopLimit = std::chrono::seconds(20);  // twice what processes get to stop in

// The kernel shall spare Garden and the shim, but what they start for a build only if nothing else is left. Runtimes don't see to
// it: crun takes a score of 0 in its bundle for none, and leaves the inherited one. `proc`: the init's, before it has started
// anything.
void allow_oom_kill(const std::string& proc) {
  const auto score = proc + "/oom_score_adj";
  if (os::read_existing_file(score, 32).starts_with('-')) os::write_kernel_file(score, "0");
}

}  // namespace

Container::Container(EventLoop& loop, std::filesystem::path dir)
    : loop_(loop),
      dir_(std::move(dir)),
      config_(protocol::shim::config_from_json(parse_json(os::read_existing_file(protocol::shim::config_path(dir_))))),
      runtime_(config_, dir_),
      processes_(loop, dir_, config_, events_) {}

UniqueFd Container::start(const UniqueFd& sealed_runtime) {
  const auto deadline = Deadline::in(std::chrono::milliseconds(config_.create_limit_ms));
  auto [ours, theirs] = os::socket_pair(SOCK_SEQPACKET);
  try {
    Mounts mounts(config_.mounts, dir_);
    pid_ = runtime_.run(theirs, sealed_runtime, deadline);
    mounts.leave();
    theirs.reset();
    // Nobody else can have its number yet: it is ours to reap, and that is done from the loop.
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) throw SysError("hold the container's init");
    proc_ = os::open_file("/proc/" + std::to_string(pid_), O_PATH | O_DIRECTORY);
    const auto proc = "/proc/self/fd/" + std::to_string(proc_.get());
    auto network = os::open_file(proc + "/ns/net", O_RDONLY);
    allow_oom_kill(proc);
    // One that breaks the protocol is not concourse-init any more, and wouldn't end because we hang up.
    processes_.on_container_gone([this](const std::string&) { kill_init(); });
    // Its end of the socket may live on in other hands; its own end is what counts.
    loop_.watch(pidfd_.get(), EPOLLIN, [this](std::uint32_t) {
      loop_.unwatch(pidfd_.get());
      processes_.init().ended();
    });
    processes_.init().open(std::move(ours), processes_, deadline);
    processes_.oom_watch().start();
    return network;
  } catch (const std::exception&) {
    try {
      runtime_.remove(Deadline::in(kRemoveLimit));
    } catch (const std::exception& e) {
      dprintf(STDERR_FILENO, "concourse-shim: after a failed start: %s\n", e.what());
    }
    throw;
  }
}

Json Container::describe() {
  return {{"pid", pid_},
          {"running", processes_.container_running()},
          {"stopped", stopped_},
          {"attached", !processes_.unattended()},
          {"oom_kills", processes_.oom_watch().kills()},
          {"processes", processes_.describe()}};
}

void Container::stop(bool kill, std::function<void()> done) {
  processes_.stop(kill, [this, done = std::move(done)] {
    stopped_ = true;
    done();
  });
}

void Container::destroy(std::function<void(const std::string* error)> done) {
  if (destroying_) {
    const std::string error = "container already being destroyed";
    return done(&error);
  }
  destroying_ = true;
  processes_.refuse_more();
  processes_.stop(/*kill=*/false, [this, done = std::move(done)] {
    if (!processes_.container_running()) return remove(done);
    processes_.on_container_gone([this, done](const std::string&) {
      kill_init();
      remove(done);
    });
    processes_.init().quit();
    kill_init();
  });
  // An init that doesn't say when its processes are gone ends with all of them.
  loop_.after(kStopLimit, [this] { kill_init(); });
}

void Container::kill_init() { ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); }

void Container::remove(const std::function<void(const std::string* error)>& done) {
  try {
    runtime_.forget(Deadline::in(kRemoveLimit));
    done(nullptr);
  } catch (const std::exception& e) {
    destroying_ = false;  // it may be tried again
    const std::string error = e.what();
    done(&error);
  }
}

}  // namespace concourse::shim
