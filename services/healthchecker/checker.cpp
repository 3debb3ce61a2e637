#include "services/healthchecker/checker.hpp"

#include <algorithm>
#include <condition_variable>
#include <system_error>
#include <thread>

#include "common/base/helpers.hpp"
#include "common/base/json.hpp"
#include "common/daemon/log_request.hpp"

namespace concourse::healthchecker {

// Outlives the Checker's interest in it: a probe that hangs fills in its result later, for nobody.
struct Checker::Run {
  std::mutex mutex;  // guards report
  std::condition_variable changed;
  Report report;
  Deadline deadline = Deadline::never();
  std::size_t wanted = 0;

  bool complete() const { return report.size() == wanted; }
};

bool healthy(const Report& report) {
  return std::all_of(report.begin(), report.end(), [](const auto& entry) { return entry.second.empty(); });
}

std::string to_json(const Report& report) {
  Json out = Json::object();
  for (const auto& [name, reason] : report) out[name] = {{"healthy", reason.empty()}, {"response_error", reason}};
  return dump_json(out);
}

Checker::Checker(std::vector<Target> targets, Duration timeout, Probe probe)
    : targets_(std::move(targets)), timeout_(timeout), probe_(std::move(probe)) {}

std::shared_ptr<Checker::Run> Checker::join_or_start() {
  const std::lock_guard lock(mutex_);
  if (current_ != nullptr && !current_->deadline.passed()) {
    const std::lock_guard run_lock(current_->mutex);
    if (!current_->complete()) return current_;
  }
  current_ = std::make_shared<Run>();
  current_->deadline = Deadline::in(timeout_, "--healthcheck-timeout");
  current_->wanted = targets_.size();
  for (const auto& target : targets_) {
    const auto report = [run = current_, name = target.name](std::string reason) {
      const std::lock_guard run_lock(run->mutex);
      run->report[name] = std::move(reason);
      run->changed.notify_all();
    };
    try {
      std::thread(log::in_this_request([report, probe = probe_, timeout = timeout_, target] {
        try {
          report(probe(target, timeout));
        } catch (const std::exception& e) {
          report(e.what());
        }
      })).detach();
    } catch (const std::system_error& e) {
      report(no_thread(e));
    }
  }
  return current_;
}

Report Checker::check() {
  const auto run = join_or_start();
  std::unique_lock lock(run->mutex);
  ++waiting_;
  run->changed.wait_until(lock, run->deadline.when(), [&] { return run->complete(); });
  --waiting_;
  auto report = run->report;
  for (const auto& target : targets_) report.try_emplace(target.name, "no answer within " + run->deadline.limit());
  return report;
}

}  // namespace concourse::healthchecker
