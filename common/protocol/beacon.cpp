#include "common/protocol/beacon.hpp"

#include <algorithm>
#include <ctime>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::protocol::beacon {

std::optional<std::int64_t> deadline_seconds(const Json& question) {
  if (find_field(question, kDeadlineSeconds) == nullptr) return std::nullopt;
  const auto seconds = int_field(question, kDeadlineSeconds);
  constexpr std::int64_t kMost = 10LL * 365 * 24 * 3600;
  if (seconds < 1 || seconds > kMost)
    throw Error(ErrorKind::invalid,
                std::string(kDeadlineSeconds) + " is " + std::to_string(seconds) + ", not 1 or more, at most ten years");
  return seconds;
}

std::string to_text(const DrainMark& mark) {
  const auto own = mark.limit ? std::to_string(*mark.limit) + "\n" : "";
  return mark.state + "\n" + std::to_string(mark.since) + "\n" + own;
}

std::optional<DrainMark> parse_drain_mark(std::string_view text) {
  const auto lines = split(text, '\n');
  if (lines.size() < 2 || (lines[0] != "landing" && lines[0] != "retiring")) return std::nullopt;
  const auto since = parse_i64(lines[1]);
  if (!since) return std::nullopt;
  // Never in the future: a mark that outlived a reboot would else keep a worker draining for ever.
  return DrainMark{lines[0], std::min(*since, seconds_since_boot()), lines.size() > 2 ? parse_i64(lines[2]) : std::nullopt};
}

std::int64_t seconds_since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec;
}

}  // namespace concourse::protocol::beacon
