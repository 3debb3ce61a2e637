#include "common/base/strings.hpp"

#include <sys/random.h>

#include <algorithm>
#include <charconv>

#include "common/base/error.hpp"

namespace concourse {

namespace {

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }

void random_bytes(unsigned char* out, std::size_t n) {
  // Up to 256 bytes are never cut short and never interrupted once the pool is ready (getrandom(2)).
  if (getrandom(out, n, 0) != static_cast<ssize_t>(n)) throw SysError("read random bytes");
}

std::string hex(const unsigned char* bytes, std::size_t n) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * n);
  for (std::size_t i = 0; i < n; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::optional<std::uint64_t> parse_u64(std::string_view text) { return parse_whole<std::uint64_t>(text); }
std::optional<std::int64_t> parse_i64(std::string_view text) { return parse_whole<std::int64_t>(text); }

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

namespace {
std::string percent_encode_except(std::string_view text, std::string_view kept) {
  std::string out;
  for (const char c : text) {
    if (is_word(c) || kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%' + hex(&byte, 1);
    }
  }
  return out;
}
}  // namespace

std::string percent_encode(std::string_view text) { return percent_encode_except(text, ".~"); }
std::string percent_encode_path(std::string_view path) { return percent_encode_except(path, ".~/"); }

std::string make_uuid() {
  unsigned char b[16];
  random_bytes(b, sizeof b);
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);  // version 4
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);  // RFC 4122 variant
  return uuid_text(b);
}

std::string uuid_text(const unsigned char (&bytes)[16]) {
  auto text = hex(bytes, sizeof bytes);
  for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

std::string random_hex(std::size_t bytes) {
  unsigned char b[64];
  if (bytes > sizeof b) throw Error(ErrorKind::internal, "random_hex: at most 64 bytes");
  random_bytes(b, bytes);
  return hex(b, bytes);
}

bool is_name_character(char c) { return is_word(c) || c == '.'; }

bool is_plain_name(std::string_view text, std::size_t max) {
  if (text.empty() || text.size() > max || !is_word(text[0]) || text[0] == '-') return false;
  return std::all_of(text.begin(), text.end(), is_name_character);
}

std::string short_time(std::int64_t seconds) {
  const auto two = [](std::int64_t big, char big_unit, std::int64_t small, char small_unit) {
    return std::to_string(big) + big_unit + (small > 0 ? std::to_string(small) + small_unit : "");
  };
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return two(seconds / 60, 'm', seconds % 60, 's');
  if (seconds < 86400) return two(seconds / 3600, 'h', seconds % 3600 / 60, 'm');
  return two(seconds / 86400, 'd', seconds % 86400 / 3600, 'h');
}

}  // namespace concourse
