#include "services/supervisor/checks.hpp"

#include <unistd.h>

#include "common/base/strings.hpp"
#include "common/config/runtime.hpp"
#include "common/ssh/tsa_options.hpp"
#include "services/supervisor/leftovers.hpp"
#include "services/supervisor/service_spec.hpp"

namespace concourse::supervisor {

namespace {

using Problems = std::vector<Error>;

void check_root(Problems& problems) {
  if (geteuid() != 0) problems.emplace_back(ErrorKind::invalid, "worker must be run as root");
}

void check_runtime(const config::Values& values, Problems& problems) {
  for (const auto& why : config::refused_runtimes(values)) problems.emplace_back(ErrorKind::usage, why);
}

// Reads the keys: what is wrong with one is known now and not at the first connection.
void check_keys(const config::Values& values, Problems& problems) {
  try {
    ssh::TsaOptions::from(values);
  } catch (const Error& e) {
    for (const auto& problem : problems_of(e))
      // That it is missing has been said already.
      if (!values.text("tsa-worker-private-key").empty() || !problem.starts_with("flag --tsa-worker-private-key"))
        problems.emplace_back(ErrorKind::usage, problem);
  }
}

void check_programs(const config::Values& values, const config::Environment& environment, const std::filesystem::path& programs,
                    Problems& problems) {
  for (const auto& spec : service_specs(values, programs, environment))
    if (const auto& program = spec.command.at(0); ::access(program.c_str(), X_OK) != 0)
      problems.emplace_back(ErrorKind::not_found,
                            "'" + program + "' is missing or can't be executed; install the worker's programs together");
}

}  // namespace

std::vector<Error> check(const config::Values& values, const config::Environment& environment,
                         const std::filesystem::path& programs) {
  Problems problems;
  check_root(problems);
  if (const auto why = leftover_variables(values.text("runtime"), environment); !why.empty())
    problems.emplace_back(ErrorKind::usage, why);
  check_runtime(values, problems);
  check_keys(values, problems);
  check_programs(values, environment, programs, problems);
  return problems;
}

}  // namespace concourse::supervisor
