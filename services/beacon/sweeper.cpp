#include "services/beacon/sweeper.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/http/client.hpp"
#include "common/protocol/tsa.hpp"

namespace concourse::beacon {

namespace {

namespace tsa = protocol::tsa;

constexpr auto kListLimit = std::chrono::minutes(1);
constexpr auto kDestroyLimit = std::chrono::minutes(5);  // a full volume takes its time
constexpr auto kCommandLimit = std::chrono::minutes(1);
constexpr auto kFirstRetry = std::chrono::seconds(30);
constexpr auto kLongestRetry = std::chrono::minutes(10);

std::string handle_in(const Json& item) {
  if (!item.is_string() || item.get_ref<const std::string&>().empty())
    throw Error(ErrorKind::invalid, "a handle is missing or no text");
  return item.get<std::string>();
}

// Go's encoder writes an empty list as null.
template <typename F>
std::vector<std::string> handles_in(const Json& list, F handle_of) {
  std::vector<std::string> handles;
  if (list.is_null()) return handles;
  if (!list.is_array()) throw Error(ErrorKind::invalid, "the answer holds no list of handles");
  for (const Json& item : list) handles.push_back(handle_of(item));
  return handles;
}

std::vector<std::string> unique(std::vector<std::string> handles) {
  std::sort(handles.begin(), handles.end());
  handles.erase(std::unique(handles.begin(), handles.end()), handles.end());
  return handles;
}

http::Answer call(const LocalTarget& target, const std::string& method, const std::string& path, Duration limit) {
  return http::call({target.text()}, method, path, limit);
}

std::string unexpected(const http::Answer& answer) {
  return "status " + std::to_string(answer.status) + " " + std::string(trim(answer.body.substr(0, 300)));
}

}  // namespace

SweepKind container_sweep() {
  return {.what = "containers",
          .report = tsa::kReportContainers,
          .sweep = tsa::kSweepContainers,
          .list_path = "/containers",
          .destroy_path = "/containers/",
          .clean_path = "",
          .handles_of = [](const Json& answer) {
            if (!answer.is_object() || !answer.contains("Handles")) throw Error(ErrorKind::invalid, "'Handles' is missing");
            return handles_in(answer["Handles"], [](const Json& item) { return handle_in(item); });
          }};
}

SweepKind volume_sweep() {
  return {.what = "volumes",
          .report = tsa::kReportVolumes,
          .sweep = tsa::kSweepVolumes,
          .list_path = "/volumes",
          .destroy_path = "/volumes/",
          .clean_path = "/volumes/cleanup-orphans",
          .handles_of = [](const Json& answer) {
            return handles_in(answer, [](const Json& item) {
              const Json* handle = find_field(item, "handle");
              if (handle == nullptr) throw Error(ErrorKind::invalid, "a volume has no handle");
              return handle_in(*handle);
            });
          }};
}

std::vector<std::string> list_handles(const LocalTarget& target, const SweepKind& kind, Duration limit) {
  const auto answer = call(target, "GET", kind.list_path, limit);
  if (answer.status != 200) throw Error(ErrorKind::unavailable, unexpected(answer));
  return unique(kind.handles_of(parse_json(answer.body)));
}

void destroy(const LocalTarget& target, const SweepKind& kind, const std::string& handle, Duration limit) {
  const auto answer = call(target, "DELETE", kind.destroy_path + percent_encode(handle), limit);
  if (answer.status / 100 != 2 && answer.status != 404) throw Error(ErrorKind::internal, unexpected(answer));
}

Sweeper::Sweeper(EventLoop& loop, Background& background, SweepKind kind, const LocalTarget& target, std::size_t max_in_flight,
                 Duration interval, std::string worker, std::function<Link*()> link_of)
    : loop_(loop),
      background_(background),
      kind_(std::move(kind)),
      target_(target),
      max_in_flight_(max_in_flight),
      worker_(std::move(worker)),
      link_of_(std::move(link_of)) {
  timer_ = loop_.every(interval, [this] { begin(); });
}

Sweeper::~Sweeper() { loop_.cancel(timer_); }

void Sweeper::begin() {
  if (running_ || link_of_() == nullptr) return;
  const log::RequestScope round(log::new_request_id());
  running_ = true;
  ++rounds_;
  destroyed_this_round_ = 0;
  background_.run(
      std::weak_ptr<void>(alive_), [this_target = target_, kind = kind_] { return list_handles(this_target, kind, kListLimit); },
      [this](std::optional<std::vector<std::string>> handles, const std::string& error) { listed(std::move(handles), error); });
}

void Sweeper::listed(std::optional<std::vector<std::string>> handles, const std::string& error) {
  if (handles) return report(*handles);
  problem("list", error);
  ask_what_to_destroy();
}

void Sweeper::report(const std::vector<std::string>& handles) {
  last_count_ = handles.size();
  std::string line;
  try {
    line = tsa::report_command(kind_.report, handles);
  } catch (const std::exception& e) {
    problem("report", e.what());
    return ask_what_to_destroy();
  }
  if (line.size() > tsa::kMaxCommand) {
    ++skipped_;
    last_error_ = std::to_string(handles.size()) + " " + kind_.what + " are more than one report can hold";
    log::warn(
        "report left out: the TSA takes no request this long, and a shorter one would make the web forget the rest; "
        "what it wants destroyed is still destroyed, so this heals when there are fewer, or add workers",
        {{"kind", kind_.what},
         {"count", static_cast<std::uint64_t>(handles.size())},
         {"bytes", static_cast<std::uint64_t>(line.size())},
         {"limit", static_cast<std::uint64_t>(tsa::kMaxCommand)}});
    return ask_what_to_destroy();
  }
  command(
      line,
      [this](const ssh::CommandResult&) {
        ++reports_;
        last_report_ = Clock::now();
        ask_what_to_destroy();
      },
      [this] { ask_what_to_destroy(); }, "report");
}

void Sweeper::ask_what_to_destroy() {
  command(
      kind_.sweep,
      [this](const ssh::CommandResult& result) {
        try {
          const auto list = handles_in(parse_json(result.output), [](const Json& item) { return handle_in(item); });
          const std::set<std::string> wanted(list.begin(), list.end());
          const auto now = Clock::now();
          std::erase_if(failures_, [&](const auto& failure) { return !wanted.contains(failure.first); });
          for (const auto& handle : wanted) {
            const auto failed = failures_.find(handle);
            if (failed == failures_.end() || failed->second.not_before <= now) to_destroy_.push_back(handle);
          }
        } catch (const std::exception& e) {
          problem("sweep", e.what());
        }
        destroy_next();
      },
      [this] { end_round(); }, "sweep");
}

void Sweeper::destroy_next() {
  while (in_flight_ < max_in_flight_ && !to_destroy_.empty()) {
    const auto handle = std::move(to_destroy_.front());
    to_destroy_.pop_front();
    ++in_flight_;
    background_.run(
        std::weak_ptr<void>(alive_),
        [this_target = target_, kind = kind_, handle] {
          destroy(this_target, kind, handle, kDestroyLimit);
          return true;
        },
        [this, handle](const std::optional<bool>&, const std::string& error) { destroyed(handle, error); });
  }
  if (in_flight_ == 0 && to_destroy_.empty()) clean_up();
}

void Sweeper::destroyed(const std::string& handle, const std::string& error) {
  --in_flight_;
  if (error.empty()) {
    failures_.erase(handle);
    ++destroyed_;
    ++destroyed_this_round_;
    log::debug("destroyed", {{"kind", kind_.what}, {"handle", handle}});
  } else {
    auto& failure = failures_[handle];
    const auto wait = std::min<Duration>(Duration(kFirstRetry) * (1 << std::min(failure.count, 5)), kLongestRetry);
    ++failure.count;
    failure.not_before = Clock::now() + wait;
    last_error_ = "destroy " + handle + ": " + error;
    log::warn("destroying failed, trying again later", {{"kind", kind_.what},
                                                        {"handle", handle},
                                                        {"error", error},
                                                        {"failures", failure.count},
                                                        {"retry_s", wait.count() / 1'000'000'000}});
  }
  destroy_next();
}

void Sweeper::clean_up() {
  if (kind_.clean_path.empty()) return end_round();
  background_.run(
      std::weak_ptr<void>(alive_),
      [this_target = target_, path = kind_.clean_path] {
        const auto answer = call(this_target, "POST", path, kDestroyLimit);
        if (answer.status / 100 != 2) throw Error(ErrorKind::internal, unexpected(answer));
        return true;
      },
      [this](const std::optional<bool>&, const std::string& error) {
        if (!error.empty()) problem("clean up", error);
        end_round();
      });
}

void Sweeper::end_round() {
  running_ = false;
  if (destroyed_this_round_ > 0)
    log::info("swept", {{"kind", kind_.what}, {"destroyed", static_cast<std::uint64_t>(destroyed_this_round_)}});
}

void Sweeper::problem(const char* step, const std::string& error) {
  last_error_ = std::string(step) + ": " + error;
  log::warn("sweep step failed", {{"kind", kind_.what}, {"step", step}, {"error", error}});
}

void Sweeper::command(const std::string& line, std::function<void(const ssh::CommandResult&)> on_success,
                      std::function<void()> on_failure, const char* step) {
  Link* link = link_of_();
  if (link == nullptr) {
    problem(step, "the connection to the TSA is gone");
    return end_round();
  }
  link->run(line, worker_, kCommandLimit,
            log::in_this_request([this, alive = std::weak_ptr<int>(alive_), on_success = std::move(on_success),
                                  on_failure = std::move(on_failure),
                                  step](const std::optional<ssh::CommandResult>& result, const std::string& error) {
              if (alive.expired()) return;
              if (result && result->exit_status == 0) return on_success(*result);
              problem(step, result ? "the TSA answered with status " + std::to_string(result->exit_status) : error);
              on_failure();
            }));
}

Json Sweeper::status() const {
  Json status = {{"rounds", rounds_},        {"reports", reports_},     {"reports_left_out", skipped_},
                 {"count", last_count_},     {"destroyed", destroyed_}, {"failing", failures_.size()},
                 {"running", running_},      {"in_flight", in_flight_}, {"backlog", to_destroy_.size() + in_flight_},
                 {"last_error", last_error_}};
  if (last_report_ != Clock::time_point{})
    status["last_report_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last_report_).count();
  return status;
}

}  // namespace concourse::beacon
