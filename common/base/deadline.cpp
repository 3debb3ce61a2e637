#include "common/base/deadline.hpp"

namespace concourse {

std::string duration_text(Duration d) {
  std::int64_t ns = d.count();
  if (ns == 0) return "0s";
  std::string out = ns < 0 ? "-" : "";
  if (ns < 0) ns = -ns;
  const auto decimal = [](double value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
  };
  if (ns < 1'000) return out + std::to_string(ns) + "ns";
  if (ns < 1'000'000) return out + decimal(static_cast<double>(ns) / 1e3) + "us";
  if (ns < 1'000'000'000) return out + decimal(static_cast<double>(ns) / 1e6) + "ms";
  const std::int64_t hours = ns / 3'600'000'000'000, minutes = ns / 60'000'000'000 % 60;
  if (hours > 0) out += std::to_string(hours) + "h";
  if (hours > 0 || minutes > 0) out += std::to_string(minutes) + "m";
  return out + decimal(static_cast<double>(ns % 60'000'000'000) / 1e9) + "s";
}

std::string Deadline::limit() const {
  if (is_never()) return "any time";
  return duration_text(given_) + (flag_ != nullptr ? std::string(" (") + flag_ + ")" : "");
}

}  // namespace concourse
