// concourse-beacon: the worker's connection to the cluster. Start-up: options and keys, control socket, then the connection, which
// is made again for as long as it takes.
#include <sys/resource.h>

#include <csignal>

#include "common/config/parser.hpp"
#include "common/daemon/daemon.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/notify.hpp"
#include "common/os/file.hpp"
#include "common/protocol/beacon.hpp"
#include "common/protocol/paths.hpp"
#include "services/beacon/beacon.hpp"
#include "services/beacon/options.hpp"
#include "services/beacon/succession.hpp"

using namespace concourse;

namespace {

// One descriptor for each forwarded connection: the usual soft limit of 1024 is too low. What can't be raised is left as it is.
void raise_descriptor_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  return daemon::run("concourse-beacon", argc, argv, [](daemon::Context& ctx) {
    const auto values = config::parse(beacon::program(), ctx.arguments(), config::current_environment());
    const auto options = beacon::read_options(values);
    ctx.checked(values);
    raise_descriptor_limit();
    const auto control = protocol::control_socket(options.runtime_dir, "beacon");
    os::make_directories(control.parent_path());
    ctx.start("beacon", values, control);

    beacon::Succession succession(ctx);
    beacon::Beacon beacon(
        ctx.loop(), options, [&ctx](int status) { ctx.finish(status); }, [&ctx](const std::string& line) { ctx.status_line(line); },
        [&succession] {
          daemon::notify(protocol::beacon::kRegisteredNotice);
          succession.registered();
        });
    ctx.on_status([&beacon](Json& status) { status["beacon"] = beacon.status(); });
    const auto on = [&ctx, &beacon](const char* command, const std::function<void(const Json&)>& action) {
      ctx.on_control(command, [&beacon, action](const Json& question, auto&) {
        action(question);
        return daemon::ControlAnswer{{{"beacon", beacon.status()}}, {}};
      });
    };
    using protocol::beacon::deadline_seconds;
    on(protocol::beacon::kLand, [&beacon](const Json& question) { beacon.land(deadline_seconds(question)); });
    on(protocol::beacon::kRetire, [&beacon](const Json& question) { beacon.retire(deadline_seconds(question)); });
    on(protocol::beacon::kDelete, [&beacon](const Json&) { beacon.remove(); });
    on(protocol::beacon::kResume, [&beacon](const Json&) { beacon.resume(); });
    on(protocol::beacon::kReconnect, [&beacon](const Json&) { beacon.reconnect(); });
    on(protocol::beacon::kRebalance, [&beacon](const Json&) { beacon.rebalance(); });
    const auto on_signal = [&ctx, &beacon](int number, const char* effect, const std::function<void(beacon::Beacon&)>& action) {
      ctx.loop().on_signal(number, effect, [&beacon, effect, action] {
        try {
          action(beacon);
        } catch (const std::exception& e) {  // nobody to answer: a signal has no sender that listens
          log::warn("signal not obeyed", {{"effect", effect}, {"error", e.what()}});
        }
      });
    };
    on_signal(SIGUSR1, "land the worker", [](auto& b) { b.land(); });
    on_signal(SIGUSR2, "retire the worker", [](auto& b) { b.retire(); });
    ctx.on_control(protocol::beacon::kHandOver, [&ctx, &beacon](const Json&, auto&) {
      beacon.hand_over();
      ctx.leave_control();
      return daemon::ControlAnswer{};
    });
    ctx.on_control(protocol::beacon::kReplace, [&succession, &beacon](const Json&, auto&) {
      succession.begin(beacon);
      return daemon::ControlAnswer{};
    });
    on_signal(SIGHUP, "leave: a successor has registered; end with the last open connection", &beacon::Beacon::leave);
    ctx.ready();
    ctx.serve([&beacon] { beacon.stop(); });
  });
}
