#include <cstdio>
#include <thread>

#include "services/ctl/verb.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kLookEvery = std::chrono::seconds(2);

// Draws the screen anew every two seconds, until it is interrupted.
[[noreturn]] void watch(const Call& call) {
  while (true) {
    const auto text = to_text(look(call.runtime_dir));
    std::printf("\x1b[H\x1b[2J%s", text.c_str());
    std::fflush(stdout);
    std::this_thread::sleep_for(kLookEvery);
  }
}

int status(const Call& call) {
  if (call.values.flag("watch")) watch(call);
  const auto view = look(call.runtime_dir);
  std::fputs(call.values.flag("json") ? (dump_json(to_json(view)) + "\n").c_str() : to_text(view).c_str(), stdout);
  return view.all_up() ? 0 : 1;
}

}  // namespace

std::vector<Verb> status_verbs() {
  return {
      {"status",
       {},
       "What every service of the worker is doing; exit status 1 if one is down.",
       {{.name = "json", .type = config::Type::boolean, .help = "Print JSON.", .env = "-"},
        {.name = "watch", .type = config::Type::boolean, .help = "Look again every two seconds, until interrupted.", .env = "-"}},
       "concourse-workerctl status --json",
       status}};
}

}  // namespace concourse::ctl
