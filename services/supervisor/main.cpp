// concourse: the worker's supervisor, and the small commands around it. See README.md.
#include <cstdio>

#include "common/base/error.hpp"
#include "common/version.hpp"
#include "services/supervisor/commands.hpp"

namespace {

using namespace concourse;
using supervisor::Arguments;

constexpr const char* kHelp =
    "Usage:\n  concourse <command> [flags]\n\n"
    "Commands:\n"
    "  worker         Run a worker and register it.\n"
    "  land-worker    Give a worker no new work and let its builds end.\n"
    "  retire-worker  As land-worker, and then forget the worker.\n"
    "  generate-key   Make a key for a worker or a TSA.\n\n"
    "`concourse <command> --help` lists a command's flags.\n\n"
    "Example:\n  concourse generate-key -t ssh -f worker_key\n";

void dispatch(daemon::Context& context) {
  auto arguments = context.arguments();
  const std::string command = arguments.empty() ? "" : arguments.front();
  if (!arguments.empty()) arguments.erase(arguments.begin());
  if (command == "worker") supervisor::run_worker(context, arguments);
  else if (command == "land-worker") supervisor::land_worker(arguments);
  else if (command == "retire-worker") supervisor::retire_worker(arguments);
  else if (command == "generate-key") supervisor::generate_key(arguments);
  else if (command == "--help" || command == "-h") std::fputs(kHelp, stdout);
  else if (command == "--version" || command == "-v") std::printf("%s\n", kVersion);
  else if (command.empty())
    throw Error(ErrorKind::usage, "no command given; one of worker, land-worker, retire-worker, generate-key");
  else throw Error(ErrorKind::usage, "unknown command '" + command + "'; one of worker, land-worker, retire-worker, generate-key");
}

}  // namespace

int main(int argc, char** argv) { return daemon::run("concourse", argc, argv, dispatch); }
