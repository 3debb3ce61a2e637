#include "common/config/values.hpp"

#include "common/base/strings.hpp"
#include "common/config/parser.hpp"

namespace concourse::config {

const Values::Entry& Values::entry(std::string_view name) const {
  const auto found = entries_.find(std::string(name));
  if (found == entries_.end()) throw std::logic_error("no option '" + std::string(name) + "' in this program");
  return found->second;
}

const std::string& Values::text(std::string_view name) const {
  static const std::string kEmpty;
  const auto& values = entry(name).values;
  return values.empty() ? kEmpty : values.front();
}

bool Values::flag(std::string_view name) const { return text(name) == "true"; }
std::int64_t Values::integer(std::string_view name) const { return parse_i64(text(name)).value_or(0); }
unsigned short Values::port(std::string_view name) const { return static_cast<unsigned short>(integer(name)); }

Duration Values::duration(std::string_view name) const {
  return text(name).empty() ? Duration::zero() : parse_duration(text(name));
}

const std::vector<std::string>& Values::list(std::string_view name) const { return entry(name).values; }
Source Values::source(std::string_view name) const { return entry(name).source; }

std::vector<std::string> Values::to_arguments(const std::vector<Group>& groups) const {
  std::vector<std::string> arguments;
  for (const auto& group : groups)
    for (const auto& option : group.options) {
      const auto& e = entry(option.name);
      if (e.source == Source::fallback || option.secret || !option.instead.empty()) continue;
      for (const auto& value : e.values) arguments.push_back("--" + std::string(option.name) + "=" + value);
    }
  return arguments;
}

std::vector<std::string> Values::effective(const std::vector<Group>& groups, Source source) const {
  std::vector<std::string> settings;
  for (const auto& group : groups)
    for (const auto& option : group.options) {
      const auto& e = entry(option.name);
      if (e.source != source || e.values.empty() || !option.instead.empty()) continue;
      settings.push_back(std::string(option.name) + "=" + (option.secret ? "…" : join(e.values, ",")));
    }
  return settings;
}

std::vector<std::string> Values::to_environment(const std::vector<Group>& groups) const {
  std::vector<std::string> variables;
  for (const auto& group : groups)
    for (const auto& option : group.options)
      if (option.secret && option.instead.empty() && given(option.name))
        variables.push_back(variable_of(option) + "=" + join(list(option.name), ","));
  return variables;
}

}  // namespace concourse::config
