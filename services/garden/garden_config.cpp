#include "services/garden/garden_config.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/groups.hpp"
#include "common/config/parser.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

std::map<std::string, std::vector<std::string>> parse_garden_config(const std::string& text, const std::string& name) {
  std::map<std::string, std::vector<std::string>> flags;
  std::string section;
  int number = 0;
  for (const auto& raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    if (line.empty() || line[0] == ';' || line[0] == '#') continue;
    if (line[0] == '[' && line.back() == ']') {
      section = trim(line.substr(1, line.size() - 2));
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      throw Error(ErrorKind::usage, "'" + name + "' line " + std::to_string(number) + ": expected flag = value");
    auto value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (section == "server") flags[std::string(trim(line.substr(0, equals)))].emplace_back(value);
  }
  return flags;
}

config::Values with_garden_config(const config::Values& given) {
  const auto& file = given.text("garden-config");
  if (file.empty()) return given;
  std::vector<std::string> arguments;
  for (const auto& [flag, values] : parse_garden_config(os::read_existing_file(file, 1 << 20), file)) {
    const std::string name = "garden-" + flag;
    if (!given.knows(name)) {
      log::warn("garden-config: a flag of gdn that has no counterpart here, ignoring", {{"file", file}, {"flag", flag}});
      continue;
    }
    if (!given.given(name))
      for (const auto& value : values) arguments.push_back("--" + name + "=" + value);
  }
  config::Values merged = given;
  try {
    // Parsed by the same table as the command line; what must be given there isn't given here.
    const auto parsed = config::parse({.name = "", .summary = "", .groups = {config::garden_group()}}, arguments, {});
    for (const auto& warning : parsed.warnings) log::warn("garden-config: " + warning, {{"file", file}});
    for (const auto& [name, entry] : parsed.entries_)
      if (entry.source != config::Source::fallback) merged.entries_[name] = entry;
  } catch (const Error& e) {
    throw Error(ErrorKind::usage, "'" + file + "': " + e.what());
  }
  return merged;
}

}  // namespace concourse::garden
