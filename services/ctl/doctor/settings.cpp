#include "services/ctl/doctor/settings.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/groups.hpp"
#include "common/daemon/control.hpp"
#include "common/os/file.hpp"
#include "common/protocol/paths.hpp"

namespace concourse::ctl::doctor {

namespace {

// What the doctor looks at, of `concourse worker`. Nothing is required: a missing setting is a finding of its own check.
config::Program looked_at() {
  config::Program program{.name = "concourse worker",
                          .summary = "",
                          .groups = {config::worker_group(), config::work_dir_group(), config::tsa_group(),
                                     config::healthcheck_group(), config::runtime_group(), config::garden_listen_group(),
                                     config::garden_group(), config::containerd_network_group(), config::baggageclaim_group()}};
  for (auto& group : program.groups)
    for (auto& option : group.options) option.required = false;
  return program;
}

// Of the supervisor, its own flags and those of groups that nobody here looks at are left out.
std::vector<std::string> known_only(const config::Program& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (!word.starts_with("--")) continue;
    const auto name = word.substr(2, word.find('=') - 2);
    for (const auto& group : program.groups)
      for (const auto& option : group.options) {
        if (option.name != name) continue;
        known.push_back(word);
        if (word.find('=') == std::string::npos && option.type != config::Type::boolean && i + 1 < arguments.size())
          known.push_back(arguments[++i]);
      }
  }
  return known;
}

std::vector<std::string> zero_separated(const std::filesystem::path& file) {
  auto words = split(os::read_file(file).value_or(""), '\0');
  if (!words.empty() && words.back().empty()) words.pop_back();
  return words;
}

}  // namespace

config::Environment parse_env_file(const std::string& text) {
  config::Environment environment;
  for (const auto& line : split(text, '\n')) {
    const auto trimmed = trim(line);
    const auto equals = trimmed.find('=');
    if (trimmed.empty() || trimmed[0] == '#' || trimmed[0] == ';' || equals == std::string_view::npos) continue;
    auto value = trim(trimmed.substr(equals + 1));
    if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    environment[std::string(trim(trimmed.substr(0, equals)))] = std::string(value);
  }
  return environment;
}

Settings read_settings(const std::filesystem::path& runtime_dir, const std::filesystem::path& file,
                       const config::Environment& environment) {
  const auto program = looked_at();
  std::vector<std::string> arguments;
  auto variables = environment;
  Settings settings;
  try {
    const auto status = daemon::ask(protocol::control_socket(runtime_dir, "supervisor"), {{"command", "status"}},
                                    Deadline::in(std::chrono::seconds(2)));
    const auto pid = std::to_string(int_field(status, "pid"));
    arguments = known_only(program, zero_separated("/proc/" + pid + "/cmdline"));
    for (const auto& entry : zero_separated("/proc/" + pid + "/environ"))
      if (const auto equals = entry.find('='); equals != std::string::npos)
        variables[entry.substr(0, equals)] = entry.substr(equals + 1);
    settings.source = "the supervisor (pid " + pid + ")";
  } catch (const Error&) {
    settings.source = file.string();
    for (const auto& [name, value] : parse_env_file(os::read_file(file).value_or(""))) variables[name] = value;
  }
  try {
    settings.values = config::parse(program, arguments, variables, /*words_allowed=*/true);
  } catch (const Error& e) {
    settings.problem = e.what();
    settings.values = config::parse(program, {}, {}, true);
  }
  return settings;
}

}  // namespace concourse::ctl::doctor
