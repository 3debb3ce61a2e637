#include "services/healthchecker/metrics/collect.hpp"

#include <sstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/http/latency.hpp"
#include "common/os/file.hpp"

namespace concourse::healthchecker::metrics {

namespace {

const std::string kPrefix = "concourse_worker_";

// One object of an answer, and the metrics that are made of its fields.
class From {
 public:
  From(Page& page, const Json* object, Labels labels = {}) : page_(page), object_(object), labels_(std::move(labels)) {}

  const Json* field(std::string_view key) const {
    const auto* found = object_ != nullptr && object_->is_object() ? find_field(*object_, key) : nullptr;
    return found;
  }
  From at(std::string_view key, const Labels& labels = {}) const { return {page_, field(key), labels}; }

  // The number at `key`, times `scale`.
  const From& number(std::string_view key, const std::string& metric, double scale = 1) const {
    if (const auto* value = field(key); value != nullptr && value->is_number())
      page_.add(kPrefix + metric, value->get<double>() * scale, labels_);
    return *this;
  }
  // The same with the key as one more label.
  const From& labelled(std::string_view key, const std::string& metric, const std::string& label,
                       const std::string& as = "") const {
    const auto* value = field(key);
    if (value == nullptr || !(value->is_number() || value->is_array())) return *this;
    const auto amount = value->is_array() ? static_cast<double>(value->size()) : value->get<double>();
    page_.add(kPrefix + metric, amount, {{label, as.empty() ? std::string(key) : as}});
    return *this;
  }

 private:
  Page& page_;
  const Json* object_;
  Labels labels_;
};

std::vector<double> numbers(const Json* list) {
  std::vector<double> all;
  if (list != nullptr && list->is_array())
    for (const auto& value : *list) all.push_back(value.is_number() ? value.get<double>() : 0);
  return all;
}

void add_requests(Page& page, const std::string& service, const Json* http) {
  if (http == nullptr || !http->is_object()) return;
  const std::vector<double> bounds(http::Latency::kBounds.begin(), http::Latency::kBounds.end());
  for (const auto& [request, seen] : http->items()) {
    const auto value = [&seen = seen](const char* key) {
      const auto* found = seen.is_object() ? find_field(seen, key) : nullptr;
      return found != nullptr && found->is_number() ? found->get<double>() : 0;
    };
    const Labels labels{{"service", service}, {"request", request}};
    page.add_histogram(kPrefix + "request_seconds", bounds, numbers(seen.is_object() ? find_field(seen, "buckets") : nullptr),
                       value("count"), value("seconds"), labels);
    page.add(kPrefix + "requests_failed_total", value("failed"), labels);
  }
}

void add_beacon(Page& page, const Json& answer) {
  const auto beacon = From(page, &answer).at("beacon");
  const auto* state = beacon.field("state");
  if (state == nullptr || !state->is_string()) return;
  const bool draining = *state == "landing" || *state == "retiring";
  page.add(kPrefix + "registered", *state == "registered" || draining ? 1 : 0);
  page.add(kPrefix + "draining", draining ? 1 : 0);
  beacon.at("current")
      .number("heartbeat_age_ms", "heartbeat_age_seconds", 0.001)
      .number("round_trip_us", "tsa_round_trip_seconds", 1e-6);
  beacon.number("heartbeats", "heartbeats_total").number("connects", "tsa_connects_total").number("losses", "tsa_losses_total");
  beacon.number("channels", "tunnel_connections").number("channels_opened", "tunnel_connections_total");
  for (const char* direction : {"to_services", "from_services", "wire_in", "wire_out"})
    beacon.at("bytes").labelled(direction, "tunnel_bytes_total", "direction");
  for (const char* kind : {"containers", "volumes"}) {
    const auto sweep = beacon.at("sweeps").at(kind, {{"kind", kind}});
    sweep.number("rounds", "sweep_rounds_total").number("destroyed", "sweep_destroyed_total").number("failing", "sweep_failing");
    sweep.number("in_flight", "sweep_running")
        .number("backlog", "sweep_backlog")
        .number("count", "sweep_reported")
        .number("last_report_ms", "sweep_report_age_seconds", 0.001);
  }
}

}  // namespace

void add_services(Page& page, const Statements& statements) {
  for (const auto& [service, statement] : statements) {
    const Json& answer = statement.answer;
    const Labels labels{{"service", service}};
    if (service != "supervisor" || answer.is_object()) page.add(kPrefix + "service_up", answer.is_object() ? 1 : 0, labels);
    if (!answer.is_object()) continue;
    page.add(kPrefix + "service_info", 1, {{"service", service}, {"version", string_field(answer, "version", "unknown")}});
    From(page, &answer, labels).number("start_time", "service_start_time_seconds");
    add_requests(page, service, find_field(answer, "http"));
    if (service == "garden")
      From(page, &answer).number("containers", "containers").number("tasks", "tasks").number("oom_kills", "oom_kills_total");
    if (service == "beacon") add_beacon(page, answer);
    if (service == "supervisor" && answer.contains("services") && answer["services"].is_array())
      for (const auto& one : answer["services"])
        if (one.is_object())
          From(page, &one, {{"service", string_field(one, "service")}}).number("restarts", "service_restarts_total");
    if (service != "baggageclaim") continue;
    From(page, &answer).number("creations", "volume_creations").number("requests", "requests_running");
    for (const char* state : {"live", "init", "dead", "quarantined", "unsynced"})
      From(page, &answer).at("volumes").labelled(state, "volumes", "state");
    for (const char* kind : {"empty", "import", "cow", "unknown"})
      From(page, &answer).at("volume_kinds").labelled(kind, "volumes_by_kind", "kind");
    const auto disk = From(page, &answer).at("disk");
    disk.labelled("bytes", "disk_bytes", "state", "size").labelled("free_bytes", "disk_bytes", "state", "free");
    disk.labelled("inodes", "disk_inodes", "state", "size").labelled("free_inodes", "disk_inodes", "state", "free");
  }
}

void add_machine(Page& page, const std::filesystem::path& proc) {
  for (const std::string resource : {"cpu", "io", "memory"}) {
    std::string text;
    try {
      text = os::read_file(proc / "pressure" / resource).value_or("");
    } catch (const Error&) {  // EOPNOTSUPP where PSI is built in but off
    }
    for (const auto& line : split(text, '\n'))  // some avg10=0.00 avg60=0.00 avg300=0.00 total=1234 (microseconds)
      if (const auto total = line.find("total="); total != std::string::npos)
        if (const auto microseconds = parse_u64(line.substr(total + 6)))
          page.add(kPrefix + "machine_pressure_seconds_total", static_cast<double>(*microseconds) / 1e6,
                   {{"resource", resource}, {"share", line.substr(0, line.find(' '))}});
  }
  for (const auto& line : split(os::read_file(proc / "vmstat").value_or(""), '\n'))
    if (line.starts_with("oom_kill "))
      if (const auto kills = parse_u64(line.substr(9))) page.add(kPrefix + "machine_oom_kills_total", static_cast<double>(*kills));
}

}  // namespace concourse::healthchecker::metrics
