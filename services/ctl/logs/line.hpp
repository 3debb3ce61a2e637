// One line of a service's log (common/daemon/log.hpp has the format), and what else may stand between such lines.
#pragma once

#include <optional>
#include <string>

#include "common/base/json.hpp"

namespace concourse::ctl {

struct LogLine {
  std::string timestamp;               // "2026-08-07T10:00:00.123456789Z"
  std::string level, source, message;  // the message without its source in front
  Json data = Json::object();
};

// Nothing for a line that isn't one of ours.
std::optional<LogLine> parse_log_line(const std::string& text);

// "10:00:00.123 info  garden        container created  handle=… ms=43"; `lead` stands in place of the time if it isn't empty.
std::string to_text(const LogLine& line, const std::string& lead = "");

// Seconds between two timestamps of that form, on one day or not; 0 if one of them can't be read.
double seconds_between(const std::string& earlier, const std::string& later);

}  // namespace concourse::ctl
