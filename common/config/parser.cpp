#include "common/config/parser.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/version.hpp"

namespace concourse::config {

namespace {

namespace fs = std::filesystem;

Error problem(const std::string& text) { return Error(ErrorKind::usage, text); }

std::optional<bool> parse_boolean(std::string_view text) {
  for (const auto* yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const auto* no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

bool is_directory(const fs::path& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// Checks one value and brings it into its canonical form. Throws Error whose text ends a sentence that began with the flag.
std::string canonical(const Option& option, const std::string& value) {
  switch (option.type) {
    case Type::text:
    case Type::list:
    case Type::map: return value;
    case Type::boolean: {
      const auto b = parse_boolean(value);
      if (!b) throw problem("'" + value + "' is neither true nor false");
      return *b ? "true" : "false";
    }
    case Type::integer:
      if (!parse_i64(value)) throw problem("'" + value + "' is not a whole number");
      return value;
    case Type::port:
      if (parse_u64(value).value_or(65536) > 65535) throw problem("'" + value + "' is not a port (0-65535)");
      return value;
    case Type::duration: parse_duration(value); return value;
    case Type::ip: {
      unsigned char buffer[16];
      if (inet_pton(AF_INET, value.c_str(), buffer) != 1 && inet_pton(AF_INET6, value.c_str(), buffer) != 1)
        throw problem("'" + value + "' is not an IP address");
      return value;
    }
    case Type::directory:
      if (fs::exists(value) && !is_directory(value)) throw problem("'" + value + "' is not a directory");
      return fs::absolute(value).lexically_normal().string();
    case Type::file:
      if (!fs::exists(value)) throw problem("'" + value + "' does not exist");
      if (is_directory(value)) throw problem("'" + value + "' is a directory, not a file");
      if (::access(value.c_str(), R_OK) != 0) throw problem("'" + value + "' can't be read");
      return fs::absolute(value).lexically_normal().string();
    case Type::url: {
      const auto colon = value.find("://");
      if (colon == std::string::npos || colon == 0) throw problem("missing scheme in '" + value + "'");
      if (value.size() <= colon + 3 || value[colon + 3] == '/') throw problem("missing host in '" + value + "'");
      return value.ends_with('/') ? value.substr(0, value.size() - 1) : value;
    }
    case Type::choice:
      if (std::find(option.choices.begin(), option.choices.end(), value) == option.choices.end())
        throw problem("'" + value + "' is not one of " + join({option.choices.begin(), option.choices.end()}, ", "));
      return value;
  }
  return value;
}

bool many(const Option& option) { return option.type == Type::list || option.type == Type::map; }

class Parser {
 public:
  Parser(const Program& program, bool words_allowed) : words_allowed_(words_allowed) {
    for (const auto& group : program.groups)
      for (const auto& option : group.options) {
        options_[std::string(option.name)] = &option;
        auto& entry = values_.entries_[std::string(option.name)];
        entry.type = option.type;
        if (option.value.empty()) continue;
        if (many(option)) entry.values = split(option.value, ',');
        else entry.values = {std::string(option.value)};
      }
  }

  void read_environment(const Environment& environment) {
    for (const auto& [name, option] : options_) {
      const auto variable = variable_of(*option);
      const auto found = environment.find(variable);
      if (found == environment.end()) continue;
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
      const auto name = word.starts_with("--") ? word.substr(2, equals == std::string::npos ? equals : equals - 2) : "";
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

  Values finish() {
    for (const auto& [name, option] : options_) {
      const auto& entry = values_.entries_.at(name);
      if (option->required && entry.values.empty())
        problems_.push_back("the required flag --" + name + " (or $" + variable_of(*option) + ") was not given");
      if (!option->instead.empty() && entry.source != Source::fallback)
        values_.warnings.push_back("--" + name + " has no effect: " + std::string(option->instead));
    }
    if (!problems_.empty()) throw problem(join(problems_, "; "));
    return std::move(values_);
  }

 private:
  static bool looks_like_flag(const std::string& word) {
    return word.size() > 1 && word[0] == '-' && !parse_i64(word);
  }

  // Shells and unit files sometimes leave quotes around a value; the peer strips double ones.
  static std::string unquoted(const std::string& text) {
    return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
  }

  void store(const Option& option, const std::vector<std::string>& texts, Source source, const std::string& where) {
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

Values parse(const Program& program, const std::vector<std::string>& arguments, const Environment& environment, bool words_allowed) {
  Parser parser(program, words_allowed);
  for (const auto& word : arguments) {
    if (word == "--") break;
    if (word == "--help" || word == "-h") std::fputs(help_text(program).c_str(), stdout);
    else if (word == "--version" ) std::printf("%s\n", kVersion);
    else continue;
    throw HelpShown();
  }
  parser.read_environment(environment);
  parser.read_arguments(arguments);
  return parser.finish();
}

}  // namespace concourse::config
