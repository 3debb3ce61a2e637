// concourse-workerctl: the operator's window into a running worker. See README.md.
#include "common/config/parser.hpp"
#include "common/daemon/daemon.hpp"
#include "common/daemon/log_request.hpp"
#include "services/ctl/command_line.hpp"

int main(int argc, char** argv) {
  using namespace concourse;
  return daemon::run("concourse-workerctl", argc, argv, [](daemon::Context& context) {
    const auto invocation = ctl::read_command_line(context.arguments(), config::current_environment());
    const ctl::Call call{invocation.values.text("runtime-dir"), invocation.values, invocation.words, invocation.command};
    const log::RequestScope request(log::new_request_id());  // one for all that the verb asks the services
    context.finish(invocation.verb->run(call));
  });
}
