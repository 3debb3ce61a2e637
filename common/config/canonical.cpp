#include "common/config/canonical.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/disk_mark.hpp"
#include "common/config/parser.hpp"

namespace concourse::config {

namespace {

namespace fs = std::filesystem;

Error problem(const std::string& value, const std::string& text) { return Error(ErrorKind::usage, "'" + value + "' " + text); }

std::optional<bool> parse_boolean(std::string_view text) {
  for (const auto* yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const auto* no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

// 32 or 128, the address's own length in bits; 0 for text that is no address.
unsigned address_bits(const std::string& text) {
  unsigned char buffer[16];
  if (inet_pton(AF_INET, text.c_str(), buffer) == 1) return 32;
  return inet_pton(AF_INET6, text.c_str(), buffer) == 1 ? 128 : 0;
}

std::string network(const std::string& value) {
  const auto slash = value.find('/');
  const auto bits = address_bits(value.substr(0, slash));
  if (bits == 0) throw problem(value, "is not a network such as 10.80.0.0/16");
  if (slash == std::string::npos) return value + "/" + std::to_string(bits);
  if (parse_u64(value.substr(slash + 1)).value_or(129) > bits) throw problem(value, "is not a network such as 10.80.0.0/16");
  return value;
}

std::string host_port(const std::string& value) {
  const auto colon = value.rfind(':');
  const bool bare_v6 = address_bits(value) == 128;
  if (colon == std::string::npos || bare_v6)
    throw problem(value, "has no port; write " + (bare_v6 ? "[" + value + "]" : value) + ":2222");
  const auto port = parse_u64(value.substr(colon + 1));
  if (colon == 0 || !port || *port == 0 || *port > 65535) throw problem(value, "is not host:port");
  return value;
}

std::string absolute(const std::string& value) { return fs::absolute(value).lexically_normal().string(); }

std::string directory(const std::string& value) {
  std::error_code ignored;
  if (value.empty() || (fs::exists(value, ignored) && !fs::is_directory(value, ignored)))
    throw problem(value, "is not a directory");
  return absolute(value);
}

std::string file(const std::string& value) {
  std::error_code ignored;
  // With the rights that an open() would have: a service may have a capability where its user has none.
  const auto may = [&](int mode) { return ::faccessat(AT_FDCWD, value.c_str(), mode, AT_EACCESS) == 0; };
  if (value.empty() || !may(F_OK)) throw problem(value, "does not exist or can't be reached");
  if (fs::is_directory(value, ignored)) throw problem(value, "is a directory, not a file");
  if (!may(R_OK)) throw problem(value, "can't be read");
  return absolute(value);
}

std::string url(const std::string& value) {
  const auto colon = value.find("://");
  if (colon == std::string::npos || colon == 0) throw problem(value, "has no scheme; write http://" + value);
  if (value.size() <= colon + 3 || value[colon + 3] == '/') throw problem(value, "has no host");
  return value.ends_with('/') ? value.substr(0, value.size() - 1) : value;
}

std::string duration(const Option& option, const std::string& value) {
  const auto parsed = parse_duration(value);
  if (!option.at_least.empty() && parsed < parse_duration(option.at_least))
    throw problem(value, "is too short: at least " + std::string(option.at_least));
  return value;
}

std::string integer(const Option& option, const std::string& value) {
  const auto parsed = parse_i64(value);
  if (!parsed) throw problem(value, "is not a whole number");
  if (!option.at_least.empty() && *parsed < *parse_i64(option.at_least))
    throw problem(value, "is too small: at least " + std::string(option.at_least));
  return value;
}

}  // namespace

bool many(const Option& option) { return option.type == Type::list || option.type == Type::map; }

std::string canonical(const Option& option, const std::string& value) {
  switch (option.type == Type::list ? option.element : option.type) {
    case Type::text:
    case Type::list:
    case Type::map: return value;
    case Type::boolean:
      if (const auto b = parse_boolean(value)) return *b ? "true" : "false";
      throw problem(value, "is neither true nor false");
    case Type::integer: return integer(option, value);
    case Type::port:
      if (parse_u64(value).value_or(65536) > 65535) throw problem(value, "is not a port (0-65535)");
      return value;
    case Type::duration: return duration(option, value);
    case Type::ip:
      if (address_bits(value) == 0) throw problem(value, "is not an IP address");
      return value;
    case Type::cidr: return network(value);
    case Type::host_port: return host_port(value);
    case Type::directory: return directory(value);
    case Type::file: return file(value);
    case Type::url: return url(value);
    case Type::disk_mark: parse_disk_mark(value); return value;
    case Type::choice:
      if (std::find(option.choices.begin(), option.choices.end(), value) == option.choices.end())
        throw problem(value, "is not one of " + join({option.choices.begin(), option.choices.end()}, ", "));
      return value;
  }
  return value;
}

}  // namespace concourse::config
