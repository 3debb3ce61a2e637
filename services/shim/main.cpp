// concourse-shim DIR: owns the container whose state is in DIR, from its start to its destruction.
//
// One thread, because it forks: namespaces and clone live in the OCI runtime that it starts, and in the init inside. Garden
// starts it in a session of its own with a few descriptors (common/protocol/shim.hpp) and may die and come back at any time;
// the container, its processes and the streams to their clients stay with the shim.
//
// Signals: CHLD reaps (the shim is the subreaper of its container); TERM, INT and HUP are ignored, so that stopping a worker
// never stops its containers; KILL ends the container, because the init ends with its shim.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"
#include "services/shim/linger.hpp"
#include "services/shim/requests.hpp"

namespace {

using namespace concourse;

constexpr auto kReportLimit = std::chrono::seconds(10);
constexpr auto kFarewell = std::chrono::seconds(10);  // for clients to read the last of their streams

int serve(const char* dir) {
  UniqueFd listener(protocol::shim::kListenerFd), report(protocol::shim::kReportFd);
  UniqueFd runtime(::fcntl(protocol::shim::kRuntimeFd, F_GET_SEALS) > 0 ? protocol::shim::kRuntimeFd : -1);
  EventLoop loop;
  loop.on_signal(SIGCHLD, "reap", [] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  });
  const auto container = std::make_unique<shim::Container>(loop, dir);
  try {
    const auto network = container->start(runtime);
    runtime.reset();
    auto answer = container->describe();
    answer["ok"] = true;
    os::send_frame(report.get(), dump_json(answer), {network.get()}, Deadline::in(kReportLimit));
  } catch (const std::exception& e) {
    os::send_frame(report.get(), dump_json({{"ok", false}, {"kind", protocol::shim::kOther}, {"error", e.what()}}), {},
                   Deadline::in(kReportLimit));
    return 1;
  }
  report.reset();
  const shim::Requests requests(loop, std::move(listener), *container, [&] {
    loop.after(kFarewell, [&] { loop.stop(); });
    loop.every(std::chrono::milliseconds(5), [&] {
      container->processes().drop_unclaimed();  // of those too who have attached meanwhile
      if (container->processes().unattended() && shim::lingering() == 0) loop.stop();
    });
  });
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: concourse-shim DIR (started by concourse-garden)\n", stderr), 2;
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(number, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  try {
    return serve(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "concourse-shim: %s: %s\n", argv[1], e.what());
    return 1;
  }
}
