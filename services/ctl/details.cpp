#include "services/ctl/details.hpp"

#include <vector>

#include "common/base/strings.hpp"

namespace concourse::ctl {

namespace {

class Line {
 public:
  explicit Line(const Json& object) : object_(object) {}

  // "<number> <word>"
  void count(std::string_view key, const std::string& words, bool even_if_zero = true) {
    const auto* field = find_field(object_, key);
    if (field == nullptr || !field->is_number_integer()) return;
    if (even_if_zero || *field != 0) parts_.push_back(field->dump() + " " + words);
  }
  void text(std::string_view key, const std::string& before = "") {
    const auto* field = find_field(object_, key);
    if (field != nullptr && field->is_string() && !field->get<std::string>().empty())
      parts_.push_back(before + field->get<std::string>());
  }
  void add(std::string part) {
    if (!part.empty()) parts_.push_back(std::move(part));
  }
  std::string take() const { return join(parts_, ", "); }

 private:
  const Json& object_;
  std::vector<std::string> parts_;
};

std::string of_garden(const Json& answer) {
  Line line(answer);
  line.count("containers", "containers");
  line.count("oom_kills", "processes killed for memory", false);
  return line.take();
}

std::string of_baggageclaim(const Json& answer) {
  Line line(answer);
  line.text("driver", "driver ");
  if (const auto* volumes = find_field(answer, "volumes"); volumes != nullptr && volumes->is_object()) {
    Line inner(*volumes);
    inner.count("live", "volumes");
    inner.count("quarantined", "quarantined", false);
    line.add(inner.take());
  }
  if (const auto* disk = find_field(answer, "disk"); disk != nullptr && disk->is_object())
    if (const auto state = string_field(*disk, "state"); state == "low" || state == "full")
      line.add("disk " + state + ": " + string_field(*disk, "why"));
  line.count("creations", "being made", false);
  line.count("requests", "requests", false);
  return line.take();
}

std::string of_beacon(const Json& answer) {
  const auto* beacon = find_field(answer, "beacon");
  if (beacon == nullptr || !beacon->is_object()) return "";
  Line line(*beacon);
  line.text("state");
  line.text("name", "as ");
  if (const auto* current = find_field(*beacon, "current"); current != nullptr && current->is_object()) {
    Line inner(*current);
    inner.text("tsa", "at ");
    if (const auto* age = find_field(*current, "heartbeat_age_ms"); age != nullptr && age->is_number_integer())
      inner.add("heartbeat " + short_time(age->get<std::int64_t>() / 1000) + " ago");
    line.add(inner.take());
  }
  line.count("channels", "connections");
  line.text("last_error", "last error: ");
  return line.take();
}

}  // namespace

std::string drain_progress(const Json& answer) {
  const auto* beacon = find_field(answer, "beacon");
  const auto* progress = beacon != nullptr ? find_field(*beacon, "drain_progress") : nullptr;
  if (progress == nullptr || !progress->is_object()) return "";
  Line line(*progress);
  line.text("waits_for", "waits for ");
  if (const auto* left = find_field(*progress, "seconds_left"); left != nullptr && left->is_number_integer())
    line.add("ends in " + short_time(left->get<std::int64_t>()) + " at the latest");
  return line.take();
}

namespace {

std::string of_healthcheck(const Json& answer) {
  Line line(answer);
  line.count("checks", "checks");
  line.count("failed_checks", "failed");
  return line.take();
}

}  // namespace

std::string details(const std::string& service, const Json& answer) {
  if (service == "garden") return of_garden(answer);
  if (service == "baggageclaim") return of_baggageclaim(answer);
  if (service == "beacon") return of_beacon(answer);
  if (service == "healthcheck") return of_healthcheck(answer);
  return "";
}

}  // namespace concourse::ctl
