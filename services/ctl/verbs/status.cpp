#include <cstdio>

#include "services/ctl/verb.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl {

namespace {

int status(const Call& call) {
  const auto view = look(call.runtime_dir);
  std::fputs(call.values.flag("json") ? (dump_json(to_json(view)) + "\n").c_str() : to_text(view).c_str(), stdout);
  return view.all_up() ? 0 : 1;
}

}  // namespace

std::vector<Verb> status_verbs() {
  return {{"status",
           {},
           "What every service of the worker is doing; exit status 1 if one is down.",
           {{.name = "json", .type = config::Type::boolean, .help = "Print JSON.", .env = "-"}},
           "concourse-workerctl status --json",
           status}};
}

}  // namespace concourse::ctl
