#include "common/config/disk_mark.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "common/base/error.hpp"

namespace concourse::config {

namespace {

constexpr std::string_view kSizes = "KMGT";
constexpr double kMostBytes = 1ULL << 60;

// Takes a number and the one letter or sign after it from the front of `text`. False if they aren't there.
bool take_number(std::string_view& text, double& number, char& unit) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || end == text.data() + text.size() || !std::isfinite(number) || number <= 0) return false;
  unit = *end;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

std::optional<DiskMark> parse(std::string_view text) {
  DiskMark mark;
  if (text == "0") return mark;
  double number = 0;
  char unit = 0;
  if (!take_number(text, number, unit)) return std::nullopt;
  if (unit == '%') {
    if (number >= 100) return std::nullopt;
    mark.share = number / 100;
    if (text.empty()) return mark;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
    if (!take_number(text, number, unit)) return std::nullopt;
  }
  const auto power = kSizes.find(unit);
  if (power == std::string_view::npos || !text.empty()) return std::nullopt;
  const double bytes = std::ldexp(number, static_cast<int>(power + 1) * 10);
  if (bytes < 1 || bytes > kMostBytes) return std::nullopt;
  mark.max_bytes = static_cast<std::uint64_t>(bytes);
  return mark;
}

}  // namespace

std::uint64_t DiskMark::of_bytes(std::uint64_t total) const {
  if (share == 0) return max_bytes;
  const auto part = static_cast<std::uint64_t>(share * static_cast<double>(total));
  return max_bytes == 0 ? part : std::min(part, max_bytes);
}

std::uint64_t DiskMark::of_inodes(std::uint64_t total) const {
  return static_cast<std::uint64_t>(share * static_cast<double>(total));
}

DiskMark parse_disk_mark(std::string_view text) {
  if (const auto mark = parse(text)) return *mark;
  throw Error(ErrorKind::invalid,
              "'" + std::string(text) + "' is neither a share such as 5%, nor a size such as 2G, nor both as 5%,2G, nor 0");
}

}  // namespace concourse::config
