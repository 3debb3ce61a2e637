#include "services/ctl/worker_view.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/control.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/details.hpp"
#include "services/ctl/table.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(2);

ServiceView ask(const std::filesystem::path& runtime_dir, const std::string& name) {
  ServiceView view;
  view.name = name;
  try {
    view.answer = daemon::ask(protocol::control_socket(runtime_dir, name), {{"command", "status"}}, Deadline::in(kAnswerLimit));
    view.up = true;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found) view.why_down = "not running";
    else if (e.kind() == ErrorKind::unavailable) view.why_down = "nobody listens";
    else view.why_down = e.what();
  }
  return view;
}

std::string state_of(const ServiceView& view) {
  if (view.up) return string_field(view.answer, "state", "?");
  const auto supervised = string_field(view.supervised, "state");
  return supervised.empty() ? "down" : supervised;
}

std::string remarks(const ServiceView& view) {
  std::string text = view.up ? details(view.name, view.answer) : view.why_down;
  if (const auto last = string_field(view.supervised, "last_end"); !last.empty())
    text += (text.empty() ? "" : "; ") + ("last end: " + last);
  if (!view.up)
    if (const auto words = string_field(view.supervised, "status"); !words.empty()) text += "; said: " + words;
  return text;
}

std::vector<std::string> row(const ServiceView& view) {
  const auto pid = view.up ? int_field(view.answer, "pid") : int_field(view.supervised, "pid");
  const bool known = view.supervised.is_object();
  return {view.name,
          state_of(view),
          pid > 0 ? std::to_string(pid) : "-",
          known && view.supervised.contains("up_seconds") ? short_time(int_field(view.supervised, "up_seconds")) : "-",
          known ? std::to_string(int_field(view.supervised, "restarts")) : "-",
          remarks(view)};
}

// "draining: land for 3m, waits for …, ends in 7m at the latest", from the supervisor and the beacon; from one of them if the other
// is down or, under systemd, not there at all.
std::string drain_line(const WorkerView& view) {
  const auto* drain = find_field(view.supervisor.answer, "drain");
  auto mode = drain != nullptr ? string_field(*drain, "mode") : "";
  auto seconds = drain != nullptr ? int_field(*drain, "seconds") : 0;
  std::string progress;
  for (const auto& service : view.services) {
    if (service.name != "beacon") continue;
    progress = drain_progress(service.answer);
    const auto* beacon = find_field(service.answer, "beacon");
    const auto* its = beacon != nullptr ? find_field(*beacon, "drain_progress") : nullptr;
    if (!mode.empty() || its == nullptr) continue;
    mode = string_field(*beacon, "drain");
    seconds = int_field(*its, "seconds");
  }
  if (mode.empty()) return "";
  if (progress.empty() && drain != nullptr && find_field(*drain, "seconds_left") != nullptr)
    progress = "ends in " + short_time(int_field(*drain, "seconds_left")) + " at the latest";
  return "draining: " + mode + " for " + short_time(seconds) + (progress.empty() ? "" : ", " + progress) + "\n";
}

Json to_json(const ServiceView& view) {
  Json out = view.up ? view.answer : Json::object();
  out.erase("ok");
  out["up"] = view.up;
  if (!view.up) out["why_down"] = view.why_down;
  if (view.supervised.is_object()) out["supervised"] = view.supervised;
  return out;
}

}  // namespace

bool WorkerView::all_up() const {
  return std::all_of(services.begin(), services.end(), [](const auto& service) { return service.up; });
}

WorkerView look(const std::filesystem::path& runtime_dir) {
  WorkerView view;
  view.supervisor = ask(runtime_dir, "supervisor");
  for (const auto* name : kServices) {
    auto service = ask(runtime_dir, name);
    if (const auto* list = find_field(view.supervisor.answer, "services"))
      for (const auto& entry : *list)
        if (string_field(entry, "service") == name) service.supervised = entry;
    view.services.push_back(std::move(service));
  }
  return view;
}

Json to_json(const WorkerView& view) {
  Json out = {{"supervisor", to_json(view.supervisor)}, {"services", Json::object()}};
  for (const auto& service : view.services) out["services"][service.name] = to_json(service);
  return out;
}

std::string to_text(const WorkerView& view) {
  std::string text;
  if (view.supervisor.up) {
    text = "worker " + string_field(view.supervisor.answer, "state") + ", version " +
           string_field(view.supervisor.answer, "version") + ", supervisor pid " +
           std::to_string(int_field(view.supervisor.answer, "pid")) + "\n";
  } else {
    text = "supervisor " + view.supervisor.why_down + "\n";
  }
  text += drain_line(view);
  std::vector<std::vector<std::string>> rows{{"SERVICE", "STATE", "PID", "UP", "RESTARTS", "DETAILS"}};
  for (const auto& service : view.services) rows.push_back(row(service));
  return text + "\n" + table(rows);
}

}  // namespace concourse::ctl
