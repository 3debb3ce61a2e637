#include "common/config/parser.hpp"

#include <unistd.h>

#include <cstdio>
#include <set>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/canonical.hpp"
#include "common/version.hpp"

namespace concourse::config {

namespace {

class Parser {
 public:
  Parser(const Program& program, bool words_allowed) : words_allowed_(words_allowed) {
    for (const auto& group : program.groups)
      for (const auto& option : group.options) {
        options_[std::string(option.name)] = &option;
        if (option.short_name != 0) short_names_[option.short_name] = option.name;
        auto& entry = values_.entries_[std::string(option.name)];
        entry.type = option.type;
        if (option.value.empty()) continue;
        if (many(option)) entry.values = split(option.value, ',');
        else entry.values = {std::string(option.value)};
      }
  }

  bool knows(const std::string& name) const { return options_.contains(name); }

  void read_environment(const Environment& environment) {
    for (const auto& [name, option] : options_) {
      const auto variable = variable_of(*option);
      const auto found = variable.empty() ? environment.end() : environment.find(variable);
      if (found == environment.end() || attempted_.contains(name)) continue;
      if (found->second.empty()) {  // a compose file's `VAR=`: nobody means "an empty list element" or "true" by it
        if (option->type != Type::text) values_.warnings.push_back(variable + " is set but empty: ignored");
        continue;
      }
      const auto texts = many(*option) ? split(found->second, ',') : std::vector<std::string>{found->second};
      store(*option, texts, Source::environment, "$" + variable + " (flag --" + name + ")");
    }
  }

  void read_arguments(const std::vector<std::string>& arguments) {
    std::map<std::string, std::vector<std::string>> given;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const auto& word = arguments[i];
      if (word == "--") break;
      if (!word.starts_with('-') || word == "-") {
        if (!words_allowed_) problems_.push_back("unexpected argument '" + word + "'");
        values_.words.push_back(word);
        continue;
      }
      const auto equals = word.find('=');
      const auto name = name_of(word, equals);
      const auto found = options_.find(name);
      if (found == options_.end()) {
        problems_.push_back("unknown flag '" + word.substr(0, equals) + "'");
        continue;
      }
      const Option& option = *found->second;
      if (equals != std::string::npos) {
        given[name].push_back(unquoted(word.substr(equals + 1)));
      } else if (option.type == Type::boolean) {
        given[name].emplace_back("true");
      } else if (i + 1 < arguments.size() && !looks_like_flag(arguments[i + 1])) {
        given[name].push_back(unquoted(arguments[++i]));
      } else {
        problems_.push_back("flag '--" + name + "' needs a value");
      }
    }
    for (const auto& [name, texts] : given) {
      const Option& option = *options_.at(name);
      store(option, many(option) ? texts : std::vector<std::string>{texts.back()}, Source::command_line, "flag --" + name);
    }
  }

  Values finish(std::vector<std::string>& problems) {
    for (const auto& [name, option] : options_) {
      const auto& entry = values_.entries_.at(name);
      if (option->required && entry.values.empty() && !attempted_.contains(name))
        problems_.push_back("the required flag --" + name +
                            (variable_of(*option).empty() ? "" : " (or $" + variable_of(*option) + ")") + " was not given");
      if (!option->instead.empty() && entry.source != Source::fallback)
        values_.warnings.push_back((entry.source == Source::environment ? variable_of(*option) : "--" + name) +
                                   " has no effect: " + std::string(option->instead));
    }
    problems.insert(problems.end(), problems_.begin(), problems_.end());
    return std::move(values_);
  }

 private:
  // The long name in `--name`, `--name=value`, `-n` and `-n=value`; empty for anything else.
  std::string name_of(const std::string& word, std::size_t equals) const {
    const auto flag = word.substr(0, equals);
    if (flag.starts_with("--")) return flag.substr(2);
    const auto found = flag.size() == 2 ? short_names_.find(flag[1]) : short_names_.end();
    return found == short_names_.end() ? "" : std::string(found->second);
  }

  static bool looks_like_flag(const std::string& word) { return word.size() > 1 && word[0] == '-' && !parse_i64(word); }

  // Shells and unit files sometimes leave quotes around a value; the peer strips double ones.
  static std::string unquoted(const std::string& text) {
    return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
  }

  void store(const Option& option, const std::vector<std::string>& texts, Source source, const std::string& where) {
    attempted_.insert(std::string(option.name));
    std::vector<std::string> checked;
    for (const auto& text : texts) {
      try {
        checked.push_back(canonical(option, text));
      } catch (const Error& e) {
        problems_.push_back(where + ": " + e.what());
        return;
      }
    }
    values_.entries_[std::string(option.name)] = {std::move(checked), source, option.type};
  }

  bool words_allowed_;
  std::map<std::string, const Option*> options_;
  std::map<char, std::string_view> short_names_;
  std::set<std::string> attempted_;  // options that were given, well or badly
  Values values_;
  std::vector<std::string> problems_;
};

}  // namespace

Environment current_environment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) environment[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  return environment;
}

Values parse(const Program& program, const std::vector<std::string>& arguments, const Environment& environment,
             bool words_allowed) {
  std::vector<std::string> problems;
  auto values = parse(program, arguments, environment, words_allowed, problems);
  if (!problems.empty()) throw Problems(ErrorKind::usage, std::move(problems));
  return values;
}

Values parse(const Program& program, const std::vector<std::string>& arguments, const Environment& environment, bool words_allowed,
             std::vector<std::string>& problems) {
  Parser parser(program, words_allowed);
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    if (arguments[i] == "--help" || arguments[i] == "-h") std::fputs(help_text(program).c_str(), stdout);
    else if (arguments[i] == "--man-page") std::fputs(man_page(program).c_str(), stdout);
    // The peer's worker has a hidden flag of that name with a value; the question for the version is the bare word.
    else if (arguments[i] == "--version" && (i + 1 == arguments.size() || !parser.knows("version"))) std::printf("%s\n", kVersion);
    else continue;
    throw HelpShown();
  }
  parser.read_arguments(arguments);
  parser.read_environment(environment);
  return parser.finish(problems);
}

}  // namespace concourse::config
