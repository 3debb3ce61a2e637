#include "services/healthchecker/readiness.hpp"

#include "common/base/error.hpp"

namespace concourse::healthchecker {

namespace {

// The web calls a worker stalled after two heartbeats of 30 s that it didn't get.
constexpr std::int64_t kHeartbeatLimitMs = 60'000;
constexpr int kFailuresThatCount = 3;  // creations in a row: a single one may be its own fault
constexpr std::uint64_t kLeastBytes = 512ULL << 20, kLeastInodes = 1000;

class Judgement {
 public:
  explicit Judgement(std::string verdict) : verdict_(std::move(verdict)) {}

  // An empty reason: it is well.
  void add(const std::string& name, const std::string& reason, Json more = Json::object()) {
    more["ok"] = reason.empty();
    if (!reason.empty()) {
      more["reason"] = reason;
      reasons_.push_back(name + ": " + reason);
    }
    checks_[name] = std::move(more);
  }
  // What will be a reason soon.
  void warn(const std::string& name, const std::string& what) { warnings_.push_back(name + ": " + what); }
  Json take() { return {{verdict_, reasons_.empty()}, {"reasons", reasons_}, {"warnings", warnings_}, {"checks", checks_}}; }

 private:
  std::string verdict_;
  std::vector<std::string> reasons_, warnings_;
  Json checks_ = Json::object();
};

const Json& field(const Json& object, const char* name) {
  static const Json kNone;
  const Json* found = find_field(object, name);
  return found != nullptr ? *found : kNone;
}

void judge_garden(Judgement& judgement, const Statements& statements, const std::string& api) {
  const auto found = statements.find("garden");
  if (!api.empty() || found == statements.end()) return judgement.add("garden", api);  // an external one says no more
  const auto& creations = field(found->second.answer, "creations");
  Json more = {{"containers", field(found->second.answer, "containers")}};
  if (const Json& age = field(creations, "last_made_ms"); age.is_number_integer())
    more["last_container_made_seconds_ago"] = age.get<std::int64_t>() / 1000;
  const auto failures = int_field(creations, "failures_in_a_row");
  judgement.add("garden",
                failures < kFailuresThatCount
                    ? ""
                    : "the last " + std::to_string(failures) + " containers could not be made: " + string_field(creations, "error"),
                std::move(more));
}

void judge_disk(Judgement& judgement, const Statements& statements) {
  const auto found = statements.find("baggageclaim");
  const auto& disk = found != statements.end() ? field(found->second.answer, "disk") : Json();
  if (!disk.is_object()) return judgement.add("disk", "BaggageClaim doesn't say how much is free");
  const auto bytes = static_cast<std::uint64_t>(int_field(disk, "free_bytes"));
  const auto inodes = static_cast<std::uint64_t>(int_field(disk, "free_inodes"));
  const auto state = string_field(disk, "state"), why = string_field(disk, "why");
  std::string reason;
  if (state == "full") reason = "full, no volume is made: " + why;
  else if (bytes < kLeastBytes) reason = "only " + std::to_string(bytes >> 20) + " MiB are free";
  else if (int_field(disk, "inodes") > 0 && inodes < kLeastInodes) reason = "only " + std::to_string(inodes) + " inodes are free";
  if (state == "low" && reason.empty()) judgement.warn("disk", "low: " + why);
  judgement.add("disk", reason, disk);
}

void judge_registration(Judgement& judgement, const Statement& statement) {
  const auto& beacon = field(statement.answer, "beacon");
  if (!beacon.is_object())
    return judgement.add("registration", statement.error.empty() ? "the beacon doesn't say" : statement.error);
  const auto& current = field(beacon, "current");
  const auto state = string_field(current, "state", string_field(beacon, "state"));
  Json more = {{"state", state}, {"tsa", string_field(current, "tsa")}};
  std::string reason;
  if (state != "registered") {
    reason = state;
    if (const auto error = string_field(beacon, "last_error"); !error.empty()) reason += ": " + error;
  } else if (const Json& age = field(current, "heartbeat_age_ms"); age.is_number_integer()) {
    more["heartbeat_age_seconds"] = age.get<std::int64_t>() / 1000;
    if (age.get<std::int64_t>() > kHeartbeatLimitMs)
      reason = "no heartbeat for " + std::to_string(age.get<std::int64_t>() / 1000) + " s";
  }
  judgement.add("registration", reason, std::move(more));
}

void judge_drain(Judgement& judgement, const Statement& statement) {
  const auto& beacon = field(statement.answer, "beacon");
  if (!beacon.is_object()) return judgement.add("drain", "the beacon doesn't say");
  auto reason = string_field(beacon, "drain");
  const auto& progress = field(beacon, "drain_progress");
  if (const auto waits_for = string_field(progress, "waits_for"); !waits_for.empty()) reason += ", waits for " + waits_for;
  judgement.add("drain", reason, progress.is_object() ? progress : Json::object());
}

}  // namespace

Json liveness(const Statements& statements) {
  Judgement judgement("live");
  for (const auto& [service, statement] : statements) judgement.add(service, statement.error);
  return judgement.take();
}

Json readiness(const Statements& statements, const Report& apis) {
  Judgement judgement("ready");
  const auto reason = [&](const char* service) {
    const auto found = apis.find(service);
    return found != apis.end() ? found->second : std::string();
  };
  const auto beacon = statements.find("beacon");
  const Statement silent{{}, "the beacon doesn't answer"};
  judge_garden(judgement, statements, reason("garden"));
  judgement.add("baggageclaim", reason("baggageclaim"));
  judge_disk(judgement, statements);
  judge_registration(judgement, beacon != statements.end() ? beacon->second : silent);
  judge_drain(judgement, beacon != statements.end() ? beacon->second : silent);
  return judgement.take();
}

}  // namespace concourse::healthchecker
