#include <algorithm>

#include "common/base/strings.hpp"
#include "common/config/parser.hpp"

namespace concourse::config {

namespace {

constexpr std::size_t kColumn = 52;  // where the words of help begin

std::string variable_note(const Option& option) {
  const auto variable = variable_of(option);
  return variable.empty() ? "" : " [$" + variable + "]";
}

std::string describe(const Option& option) {
  std::string text(option.help);
  if (!option.instead.empty()) return "No effect here: " + std::string(option.instead) + "." + variable_note(option);
  if (!option.choices.empty()) text += " One of: " + join({option.choices.begin(), option.choices.end()}, ", ") + ".";
  if (option.required) text += " Required.";
  if (!option.value.empty() && option.type != Type::boolean) text += " (default: " + std::string(option.value) + ")";
  return text + variable_note(option);
}

}  // namespace

std::string variable_of(const Option& option) {
  if (option.env == "-") return "";
  if (!option.env.empty()) return std::string(option.env);
  std::string name = "CONCOURSE_";
  for (const char c : option.name) name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::string help_text(const Program& program) {
  std::string out = "Usage:\n  " + std::string(program.name) + " [flags]" +
                    (program.behind.empty() ? "" : " " + std::string(program.behind)) + "\n\n" + std::string(program.summary) +
                    "\n";
  for (const auto& group : program.groups) {
    out += "\n" + std::string(group.title) + ":\n";
    for (const auto& option : group.options) {
      if (option.hidden) continue;
      std::string flag = option.short_name != 0 ? std::string("  -") + option.short_name + ", --" : "  --";
      flag += std::string(option.name) + (option.type == Type::boolean ? "" : "=");
      flag.resize(std::max(flag.size() + 1, kColumn), ' ');
      out += flag + describe(option) + "\n";
    }
  }
  out += "\nHelp:\n  --help" + std::string(kColumn - 8, ' ') + "Print this and exit.\n  --version" +
         std::string(kColumn - 11, ' ') + "Print the version and exit.\n";
  if (!program.example.empty()) out += "\nExample:\n" + std::string(program.example) + "\n";
  return out;
}

}  // namespace concourse::config
