#include "common/tar/pax.hpp"

#include <algorithm>
#include <cstdio>

#include "common/base/strings.hpp"

namespace concourse::tar {

namespace {

constexpr std::size_t kMaxAttributes = 4096;  // the kernel lists 64 KiB of names
constexpr std::string_view kSchilyKey = "SCHILY.xattr.", kLibarchiveKey = "LIBARCHIVE.xattr.", kSparseKey = "GNU.sparse.";

std::int64_t integer(std::string_view key, std::string_view text) {
  const auto value = parse_i64(text);
  if (!value) throw BadArchive("an extended header has a bad " + std::string(key) + ": '" + std::string(text.substr(0, 40)) + "'");
  return *value;
}

std::uint64_t natural(std::string_view key, std::string_view text) {
  const auto value = integer(key, text);
  if (value < 0) throw BadArchive("an extended header has a negative " + std::string(key));
  return static_cast<std::uint64_t>(value);
}

std::string name(std::string_view key, std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    throw BadArchive("an extended header has a " + std::string(key) + " with a zero in it");
  return std::string(text);
}

// As GNU tar escapes names: nothing but these two.
std::string plain_attribute(std::string_view key) {
  std::string plain;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto escape = key.substr(i, 3);
    if (escape == "%3D" || escape == "%25") plain += escape == "%3D" ? '=' : '%', i += 2;
    else plain += key[i];
  }
  return plain;
}

// Base 64 without line ends, its padding optional; nothing for anything else.
std::optional<std::string> base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  unsigned bits = 0;
  std::uint32_t held = 0;
  for (const char c : text) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    held = held << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) bytes += static_cast<char>(held >> (bits -= 8));
  }
  return bytes;
}

}  // namespace

void PaxFields::read(std::string_view records) {
  while (!records.empty()) {
    const auto space = records.find(' ');
    const auto length = parse_u64(records.substr(0, std::min<std::size_t>(space, 20)));
    if (space == std::string_view::npos || !length || *length > records.size() || *length < space + 2 ||
        records[*length - 1] != '\n')
      throw BadArchive("an extended header's records don't fit together");
    const auto record = records.substr(space + 1, *length - space - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) throw BadArchive("an extended header has a record without '='");
    take(record.substr(0, equals), record.substr(equals + 1));
    records.remove_prefix(*length);
  }
}

// An empty value takes back what was said before.
void PaxFields::take(std::string_view key, std::string_view value) {
  const auto set = [&](auto& field, auto parse) {
    if (value.empty()) field.reset();
    else field = parse();
  };
  const auto number = [&] { return integer(key, value); };
  if (key == "path") set(path, [&] { return name(key, value); });
  else if (key == "linkpath") set(link, [&] { return name(key, value); });
  else if (key == "size") set(size, [&] { return static_cast<std::int64_t>(natural(key, value)); });
  else if (key == "uid") set(uid, number);
  else if (key == "gid") set(gid, number);
  else if (key == "SCHILY.devmajor") set(major, number);
  else if (key == "SCHILY.devminor") set(minor, number);
  else if (key == "mtime") set(mtime, [&] { return parse_time(value); });
  else if (key.starts_with(kSparseKey)) take_sparse(key.substr(kSparseKey.size()), value);
  else if (key.starts_with(kSchilyKey)) take_attribute(plain_attribute(key.substr(kSchilyKey.size())), std::string(value), true);
  else if (key.starts_with(kLibarchiveKey)) {
    // The same again, for names and values that others can't read: only what isn't there yet.
    const auto decoded_name = percent_decode(key.substr(kLibarchiveKey.size()), false);
    if (auto decoded = base64(value); decoded && decoded_name) take_attribute(*decoded_name, std::move(*decoded), false);
  }
}

void PaxFields::take_sparse(std::string_view key, std::string_view value) {
  sparse = true;
  if (key == "major") map_in_content = integer(key, value) >= 1;
  else if (key == "name") real_name = name(key, value);
  else if (key == "realsize" || key == "size") real_size = static_cast<std::int64_t>(natural(key, value));
  else if (key == "offset") offset_ = natural(key, value);
  else if (key == "map") take_map(value);
  else if (key == "numbytes") {
    if (!offset_) throw BadArchive("an extended header has the size of a part without its place");
    extents.push_back({*offset_, natural(key, value)});
    offset_.reset();
  }
}

// "place,size,place,size".
void PaxFields::take_map(std::string_view text) {
  extents.clear();
  const auto next = [&] {
    if (text.empty()) throw BadArchive("an extended header has half a part of a file with holes");
    const auto comma = std::min(text.find(','), text.size());
    const auto number = natural("map", text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    return number;
  };
  while (!text.empty()) {
    const auto at = next();
    extents.push_back({at, next()});
  }
}

void PaxFields::take_attribute(std::string attribute, std::string value, bool again) {
  const auto found = std::find_if(attributes.begin(), attributes.end(), [&](const auto& one) { return one.first == attribute; });
  if (found != attributes.end()) {
    if (again) found->second = std::move(value);
    return;
  }
  if (attributes.size() == kMaxAttributes)
    throw BadArchive("an extended header has more than " + std::to_string(kMaxAttributes) + " attributes");
  attributes.emplace_back(std::move(attribute), std::move(value));
}

timespec parse_time(std::string_view text) {
  const auto bad = [&] {
    return BadArchive("a modification time that is out of range: '" + std::string(text.substr(0, 40)) + "'");
  };
  const auto dot = std::min(text.find('.'), text.size());
  const bool negative = text.starts_with('-');
  const auto whole = text.substr(negative ? 1 : 0, dot - (negative ? 1 : 0));
  const auto seconds = whole.empty() ? std::nullopt : parse_u64(whole);
  if (!seconds || *seconds >= INT64_MAX) throw bad();
  long nanoseconds = 0, unit = 100'000'000;
  bool more = false;  // finer than a nanosecond
  for (const char c : text.substr(std::min(dot + 1, text.size()))) {
    if (c < '0' || c > '9') throw bad();
    nanoseconds += (c - '0') * unit;
    more = more || (unit == 0 && c != '0');
    unit /= 10;
  }
  timespec time{static_cast<time_t>(*seconds), nanoseconds};
  if (!negative) return time;
  // Rounded down, as every time.
  if (more) ++nanoseconds;
  time = {-time.tv_sec, 0};
  if (nanoseconds > 0) time = {time.tv_sec - 1, 1'000'000'000 - nanoseconds};
  return time;
}

std::string time_text(const timespec& time) {
  const bool negative = time.tv_sec < 0;
  const auto seconds = negative && time.tv_nsec > 0 ? time.tv_sec + 1 : time.tv_sec;
  const auto nanoseconds = negative && time.tv_nsec > 0 ? 1'000'000'000 - time.tv_nsec : time.tv_nsec;
  char text[48];
  std::snprintf(text, sizeof text, "%s%llu.%09ld", negative ? "-" : "",
                negative ? 0ULL - static_cast<unsigned long long>(seconds) : static_cast<unsigned long long>(seconds), nanoseconds);
  return text;
}

// A record begins with its own length, the digits of that included.
void add_record(std::string& records, std::string_view key, std::string_view value) {
  const auto rest = key.size() + value.size() + 3;
  auto length = rest + 1;
  while (rest + std::to_string(length).size() > length) ++length;
  records += std::to_string(length);
  records += ' ';
  records += key;
  records += '=';
  records += value;
  records += '\n';
}

std::string attribute_key(std::string_view attribute) {
  std::string key(kSchilyKey);
  for (const char c : attribute) {
    if (c == '=') key += "%3D";
    else if (c == '%') key += "%25";
    else key += c;
  }
  return key;
}

}  // namespace concourse::tar
