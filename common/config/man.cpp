#include "common/config/man.hpp"

#include "common/base/strings.hpp"
#include "common/config/parser.hpp"
#include "common/version.hpp"

namespace concourse::config {

namespace {

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

// What stands for the value of a flag.
std::string_view word_of(const Option& option) {
  switch (option.type) {
    case Type::boolean: return "";
    case Type::integer: return "number";
    case Type::port: return "port";
    case Type::duration: return "duration";
    case Type::ip: return "address";
    case Type::cidr: return "network";
    case Type::host_port: return "host:port";
    case Type::directory: return "directory";
    case Type::file: return "file";
    case Type::url: return "URL";
    case Type::disk_mark: return "share,size";
    case Type::choice: return "word";
    case Type::map: return "key:value";
    case Type::text:
    case Type::list: break;
  }
  return option.element == Type::host_port ? "host:port" : "text";
}

// A page's name has no spaces: concourse-land-worker.
std::string page_name(std::string_view program) {
  std::string name(program);
  for (char& c : name)
    if (c == ' ') c = '-';
  return name;
}

}  // namespace

std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else if (c == '\'') out += "\\(aq";
    else if (c == '`') out += "\\(ga";
    else if (c == '^') out += "\\(ha";
    else if (c == '~') out += "\\(ti";
    else out += c;
    line_begins = c == '\n';
  }
  return out;
}

std::string man_head(std::string_view program, std::string_view summary) {
  const auto name = page_name(program);
  return ".TH " + roff(upper(name)) + " 1 \"\" \"" + roff(std::string("Concourse worker ") + kVersion) + "\"\n.SH NAME\n" +
         roff(name) + " \\- " + roff(summary.substr(0, summary.find(". "))) + "\n";
}

std::string man_option(const Option& option) {
  std::string out = ".TP\n";
  if (option.short_name != 0) out += std::string("\\fB\\-") + option.short_name + "\\fR, ";
  out += "\\fB\\-\\-" + roff(option.name) + "\\fR";
  if (const auto word = word_of(option); !word.empty()) out += "=\\fI" + roff(word) + "\\fR";
  out += "\n";
  if (!option.instead.empty()) {
    out += roff("No effect here: " + std::string(option.instead) + ".") + "\n";
  } else {
    out += roff(option.help) + "\n";
    if (!option.choices.empty()) out += roff("One of " + join({option.choices.begin(), option.choices.end()}, ", ") + ".") + "\n";
    if (option.required) out += "Required.\n";
    if (!option.value.empty() && option.type != Type::boolean) out += "Default: " + roff(option.value) + ".\n";
  }
  if (const auto variable = variable_of(option); !variable.empty()) out += "Variable: " + roff(variable) + ".\n";
  return out;
}

std::string man_page(const Program& program) {
  auto out = man_head(program.name, program.summary);
  out += ".SH SYNOPSIS\n.B " + roff(program.name) + "\n[flags]\n.SH DESCRIPTION\n" + roff(program.summary) + "\n";
  out +=
      ".PP\nA flag is written \\-\\-name=value or \\-\\-name value; a list by repeating it, or with commas in its variable. The "
      "command "
      "line goes before the environment.\n";
  for (const auto& group : program.groups) {
    out += ".SH " + roff(upper(group.title)) + "\n";
    for (const auto& option : group.options)
      if (!option.hidden) out += man_option(option);
  }
  if (!program.example.empty()) out += ".SH EXAMPLE\n.nf\n" + roff(program.example) + "\n.fi\n";
  return out;
}

}  // namespace concourse::config
