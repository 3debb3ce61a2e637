// Probes all targets in parallel and never twice at the same time: requests that come while a check runs share its result, so a
// flood of them costs the services nothing.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "services/healthchecker/probe.hpp"

namespace concourse::healthchecker {

// Per target: empty if healthy, else the reason.
using Report = std::map<std::string, std::string>;

bool healthy(const Report& report);

// {"garden":{"healthy":true,"response_error":""},…}: the shape of the peer's newer versions.
std::string to_json(const Report& report);

class Checker {
 public:
  using Probe = std::function<std::string(const Target& target, Duration timeout)>;

  Checker(std::vector<Target> targets, Duration timeout, Probe probe = healthchecker::probe);

  // Any thread. Blocks for `timeout` at most; a target that hasn't answered by then is unhealthy.
  Report check();

  std::size_t waiting() const { return waiting_; }  // calls of check() that wait now

 private:
  struct Run;
  std::shared_ptr<Run> join_or_start();

  const std::vector<Target> targets_;
  const Duration timeout_;
  const Probe probe_;
  std::mutex mutex_;  // guards current_
  std::shared_ptr<Run> current_;
  std::atomic<std::size_t> waiting_ = 0;
};

}  // namespace concourse::healthchecker
