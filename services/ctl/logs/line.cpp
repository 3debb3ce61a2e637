#include "services/ctl/logs/line.hpp"

#include <cmath>
#include <ctime>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::ctl {

namespace {

std::optional<double> unix_time(const std::string& timestamp) {
  std::tm parts{};
  double seconds = 0;
  if (std::sscanf(timestamp.c_str(), "%d-%d-%dT%d:%d:%lfZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
                  &parts.tm_min, &seconds) != 6)
    return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<double>(::timegm(&parts)) + seconds;
}

// Log lines may quote what containers said: nothing of it may steer the terminal.
std::string harmless(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

}  // namespace

std::optional<LogLine> parse_log_line(const std::string& text) {
  if (text.empty() || text[0] != '{') return std::nullopt;
  try {
    const auto json = parse_json(text);
    LogLine line{string_field(json, "timestamp"), string_field(json, "level"), string_field(json, "source"),
                 string_field(json, "message")};
    if (const auto* data = find_field(json, "data"); data != nullptr && data->is_object()) line.data = *data;
    if (line.timestamp.empty() || line.source.empty()) return std::nullopt;
    if (line.message.starts_with(line.source + ".")) line.message.erase(0, line.source.size() + 1);
    return line;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string to_text(const LogLine& line, const std::string& lead) {
  auto text = lead.empty() ? line.timestamp.substr(std::min<std::size_t>(11, line.timestamp.size()), 12) : lead;
  text += " " + padded(line.level, 5) + " " + padded(line.source, 12) + " " + line.message + " ";
  for (const auto& [key, value] : line.data.items())
    text += " " + key + "=" + (value.is_string() ? value.get<std::string>() : dump_json(value));
  text.erase(text.find_last_not_of(' ') + 1);
  return harmless(text);
}

double seconds_between(const std::string& earlier, const std::string& later) {
  const auto from = unix_time(earlier), to = unix_time(later);
  return from && to ? *to - *from : 0;
}

}  // namespace concourse::ctl
