#include "common/ssh/public_key.hpp"

#include <openssl/sha.h>

#include <optional>

#include "common/base/strings.hpp"
#include "common/encoding/base64.hpp"
#include "common/ssh/wire.hpp"

namespace concourse::ssh {

namespace {

// The word before the next blank outside quotes, which is cut off `line` with the blanks behind it.
std::string_view next_word(std::string_view& line) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (c == '\\' && end + 1 < line.size() && line[end + 1] == '"') ++end;
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == ' ' || c == '\t')) break;
  }
  const auto word = line.substr(0, end);
  line = trim(line.substr(end));
  return word;
}

// "ssh-rsa AAAA… comment"
std::optional<PublicKey> parse_key(std::string_view line) {
  const auto type = next_word(line);
  const auto blob = base64_decode(next_word(line));
  if (!blob || type.empty() || type_of(*blob) != type) return std::nullopt;
  return PublicKey{std::string(type), *blob};
}

}  // namespace

std::string fingerprint(std::string_view blob) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(blob.data()), blob.size(), digest);
  auto text = base64_encode({reinterpret_cast<const char*>(digest), sizeof digest});
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

std::string type_of(std::string_view blob) { return std::string(WireReader(blob).string().value_or("")); }

std::vector<PublicKey> parse_authorized_keys(std::string_view text) {
  std::vector<PublicKey> keys;
  for (const auto& raw : split(text, '\n')) {
    auto line = trim(raw);
    if (line.empty() || line[0] == '#') continue;
    auto key = parse_key(line);
    if (!key) {
      next_word(line);  // options
      key = parse_key(line);
    }
    if (key) keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace concourse::ssh
