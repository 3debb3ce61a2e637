// The last hour in figures, for the graphs. Kept in memory only, and never more than kMost samples.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/deadline.hpp"
#include "services/healthchecker/statements.hpp"

namespace concourse::healthchecker::status_page {

enum class Series { containers, volumes, disk_used, heartbeat_age, tunnel_bytes, round_trip };
inline constexpr std::size_t kSeries = 6;

struct Sample {
  Clock::time_point when;
  std::array<double, kSeries> values{};  // NaN: not known, as when the service is down

  double operator[](Series series) const { return values[static_cast<std::size_t>(series)]; }
  double& operator[](Series series) { return values[static_cast<std::size_t>(series)]; }
};

// Shares from 0 to 1 (disk_used), seconds (heartbeat_age, round_trip), bytes since the beacon's start (tunnel_bytes), or counts.
Sample sample_of(const Statements& statements, Clock::time_point now);

// Thread-safe.
class History {
 public:
  static constexpr auto kSpan = std::chrono::seconds(3600);
  static constexpr std::size_t kMost = 360;

  void add(const Sample& sample);
  std::vector<Sample> samples() const;  // oldest first, none older than kSpan before the newest

 private:
  mutable std::mutex mutex_;  // guards samples_
  std::deque<Sample> samples_;
};

// Adds a sample to a history at once and then every ten seconds, from a thread of its own.
class Sampler {
 public:
  static constexpr auto kEvery = History::kSpan / History::kMost;
  static_assert(kEvery == std::chrono::seconds(10));

  // `look` asks the services and may block for a while; stopping waits for it.
  Sampler(History& history, std::function<Statements()> look);
  ~Sampler() { stop(); }
  void stop() { thread_.request_stop(); }

 private:
  std::jthread thread_;
};

}  // namespace concourse::healthchecker::status_page
