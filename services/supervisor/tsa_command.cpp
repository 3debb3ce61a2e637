// land-worker and retire-worker: one command on a connection of its own.
#include "common/base/error.hpp"
#include "common/config/parser.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/tsa.hpp"
#include "common/ssh/command.hpp"
#include "common/ssh/tsa_options.hpp"
#include "services/supervisor/commands.hpp"
#include "services/supervisor/options.hpp"

namespace concourse::supervisor {

namespace {

// For all hosts together. The web node's own call to its API may take a while when it is busy.
constexpr auto kLimit = std::chrono::minutes(2);

void run(const char* command, const config::Program& program, const Arguments& arguments) {
  const auto values = config::parse(program, arguments, config::current_environment(), /*words_allowed=*/true);
  log::start(command, log::parse_level(values.text("log-level")), log::parse_format(values.text("log-format")));
  protocol::tsa::Worker worker;
  worker.name = values.text("name");
  worker.team = values.text("team");
  const auto result =
      ssh::run_command(ssh::TsaOptions::from(values), command, protocol::tsa::to_json(worker), Deadline::in(kLimit));
  if (result.exit_status != 0)
    throw Error(ErrorKind::internal,
                std::string(command) + " of worker '" + worker.name +
                    "' was refused; the web node's log has the reason, such as an unknown worker or a team that isn't the key's");
  log::info("done", {{"worker", worker.name}});
}

}  // namespace

void land_worker(const Arguments& arguments) { run(protocol::tsa::kLandWorker, land_worker_program(), arguments); }
void retire_worker(const Arguments& arguments) { run(protocol::tsa::kRetireWorker, retire_worker_program(), arguments); }

}  // namespace concourse::supervisor
