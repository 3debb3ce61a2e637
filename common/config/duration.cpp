#include <charconv>
#include <cmath>
#include <string>

#include "common/base/error.hpp"
#include "common/config/parser.hpp"

namespace concourse::config {

namespace {

struct Unit {
  std::string_view name;
  double nanoseconds;
};
// "ms" before "m" and "s": the longer name must be tried first.
constexpr Unit kUnits[] = {{"ns", 1}, {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};

}  // namespace

Duration parse_duration(std::string_view text) {
  const Error bad(ErrorKind::invalid, "'" + std::string(text) + "' is not a duration such as 300ms, 5s or 1h30m");
  auto rest = text;
  const bool negative = rest.starts_with('-');
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return Duration::zero();
  if (rest.empty()) throw bad;
  double total = 0;
  while (!rest.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    if (error != std::errc() || std::signbit(number)) throw bad;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const Unit* unit = nullptr;
    for (const auto& candidate : kUnits)
      if (rest.starts_with(candidate.name)) {
        unit = &candidate;
        break;
      }
    if (unit == nullptr) throw bad;
    rest.remove_prefix(unit->name.size());
    total += number * unit->nanoseconds;
  }
  if (total > 9.2e18) throw bad;
  return Duration(static_cast<std::int64_t>(negative ? -total : total));
}

}  // namespace concourse::config
