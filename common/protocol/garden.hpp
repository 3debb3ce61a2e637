// The Garden API's messages, as far as more than one of our programs reads them. Formats: docs/protocols/garden.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::protocol::garden {

struct WindowSize {
  std::uint16_t columns = 80;
  std::uint16_t rows = 24;
};

// {"window_size":{"columns":…,"rows":…}}; nothing inside leaves the default, or the size as it is.
std::optional<WindowSize> window_size(const Json& tty);

struct ProcessSpec {
  std::string id;    // empty: the shim makes one
  std::string path;  // looked up in the container's PATH when it has no slash
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string dir;   // empty: the user's home
  std::string user;  // empty: root
  std::optional<WindowSize> tty;
  std::map<std::string, std::uint64_t> rlimits;  // Garden's names: nofile, nproc …
};

// Throws Error(invalid) naming the field.
ProcessSpec parse_process_spec(const Json& json);
Json to_json(const ProcessSpec& spec);

}  // namespace concourse::protocol::garden
