#include "services/healthchecker/status_page/history.hpp"

#include <cmath>

#include "services/healthchecker/status_page/facts.hpp"

namespace concourse::healthchecker::status_page {

Sample sample_of(const Statements& statements, Clock::time_point now) {
  const auto value = [&](const std::string& service, std::initializer_list<std::string_view> path, double scale = 1) {
    return number(at(statements, service, path)).value_or(NAN) * scale;
  };
  Sample sample{.when = now};
  sample[Series::containers] = value("garden", {"containers"});
  sample[Series::volumes] = value("baggageclaim", {"volumes", "live"});
  sample[Series::disk_used] = 1 - value("baggageclaim", {"disk", "free_bytes"}) / value("baggageclaim", {"disk", "bytes"});
  sample[Series::heartbeat_age] = value("beacon", {"beacon", "current", "heartbeat_age_ms"}, 1e-3);
  sample[Series::tunnel_bytes] =
      value("beacon", {"beacon", "bytes", "to_services"}) + value("beacon", {"beacon", "bytes", "from_services"});
  sample[Series::round_trip] = value("beacon", {"beacon", "current", "round_trip_us"}, 1e-6);
  return sample;
}

void History::add(const Sample& sample) {
  const std::lock_guard lock(mutex_);
  samples_.push_back(sample);
  while (samples_.size() > kMost || sample.when - samples_.front().when > kSpan) samples_.pop_front();
}

std::vector<Sample> History::samples() const {
  const std::lock_guard lock(mutex_);
  return {samples_.begin(), samples_.end()};
}

Sampler::Sampler(History& history, std::function<Statements()> look)
    : thread_([&history, look = std::move(look)](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        while (!stop.stop_requested()) {
          try {
            history.add(sample_of(look(), Clock::now()));
          } catch (const std::exception&) {  // a gap in the graph; the page itself says what is wrong
          }
          stopped.wait_for(lock, stop, kEvery, [] { return false; });
        }
      }) {}

}  // namespace concourse::healthchecker::status_page
