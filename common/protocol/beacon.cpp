#include "common/protocol/beacon.hpp"

#include <algorithm>
#include <ctime>

#include "common/base/strings.hpp"

namespace concourse::protocol::beacon {

std::string to_text(const DrainMark& mark) { return mark.state + "\n" + std::to_string(mark.since) + "\n"; }

std::optional<DrainMark> parse_drain_mark(std::string_view text) {
  const auto lines = split(text, '\n');
  if (lines.size() < 2 || (lines[0] != "landing" && lines[0] != "retiring")) return std::nullopt;
  const auto since = parse_i64(lines[1]);
  if (!since) return std::nullopt;
  // Never in the future: a mark that outlived a reboot would else keep a worker draining for ever.
  return DrainMark{lines[0], std::min(*since, seconds_since_boot())};
}

std::int64_t seconds_since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec;
}

}  // namespace concourse::protocol::beacon
