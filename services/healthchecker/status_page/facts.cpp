#include "services/healthchecker/status_page/facts.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "common/base/strings.hpp"

namespace concourse::healthchecker::status_page {

namespace {

const Json kNothing;

std::string print(const char* form, double value) {
  char text[64];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

}  // namespace

const Json& at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* found = &object;
  for (const auto key : path) {
    found = found->is_object() ? find_field(*found, key) : nullptr;
    if (found == nullptr) return kNothing;
  }
  return *found;
}

const Json& at(const Statements& statements, const std::string& service, std::initializer_list<std::string_view> path) {
  const auto found = statements.find(service);
  return found == statements.end() ? kNothing : at(found->second.answer, path);
}

std::optional<double> number(const Json& value) { return value.is_number() ? std::optional(value.get<double>()) : std::nullopt; }

std::string words(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

std::string amount_words(std::int64_t amount, std::string_view what) {
  if (amount == 1 && what.ends_with('s')) what.remove_suffix(1);
  return std::to_string(amount) + " " + std::string(what);
}

std::string duration_words(double seconds) {
  if (!(seconds >= 0)) return "0s";
  return short_time(static_cast<std::int64_t>(std::min(seconds, 1e12)));
}

std::string bytes_words(double bytes) {
  static constexpr const char* kForms[] = {"%.0f B", "%.1f KiB", "%.1f MiB", "%.1f GiB", "%.1f TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(kForms); ++unit) bytes /= 1024;
  return print(kForms[unit], bytes);
}

std::string latency_words(double seconds) {
  if (seconds >= 1) return print("%.1f s", seconds);
  return print(seconds < 0.01 ? "%.1f ms" : "%.0f ms", seconds * 1000);
}

}  // namespace concourse::healthchecker::status_page
