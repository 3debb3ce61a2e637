#include <cstdio>

#include "common/config/parser.hpp"
#include "services/ctl/doctor/checks.hpp"
#include "services/ctl/doctor/settings.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

using namespace doctor;

Findings examine(const Call& call) {
  const auto settings = read_settings(call.runtime_dir, call.values.text("env-file"), config::current_environment());
  Findings all;
  const auto add = [&](const Findings& findings) { all.insert(all.end(), findings.begin(), findings.end()); };
  if (settings.problem.empty()) all.push_back(ok("settings", "from " + settings.source));
  else
    all.push_back(
        failure("settings", settings.source + ": " + settings.problem, "correct them; the checks below take the defaults"));
  add(check_kernel());
  add(check_runtime(settings.values));
  add(check_storage(call.runtime_dir, settings.values));
  add(check_network(call.runtime_dir, settings.values));
  add(check_ports(call.runtime_dir, settings.values));
  add(check_exposure(call.runtime_dir, settings.values));
  add(check_clock());
  add(check_cluster(call.runtime_dir, settings.values));
  add(check_services(call.runtime_dir));
  return all;
}

int run_doctor(const Call& call) {
  const auto findings = examine(call);
  std::fputs(call.values.flag("json") ? (dump_json(to_json(findings)) + "\n").c_str() : to_text(findings).c_str(), stdout);
  return has_failure(findings) ? 1 : 0;
}

}  // namespace

std::vector<Verb> doctor_verbs() {
  return {{"doctor",
           {},
           "Examines machine, settings, cluster and services, with a remedy for what is wrong; exit status 1 after a failure.",
           {{.name = "json", .type = config::Type::boolean, .help = "Print JSON.", .env = "-"},
            {.name = "env-file",
             .value = "/etc/concourse/worker.env",
             .help = "Settings of the worker, if no supervisor runs that can be asked.",
             .env = "-"}},
           "concourse-workerctl doctor",
           run_doctor}};
}

}  // namespace concourse::ctl
