#include "services/ctl/command_line.hpp"

#include <algorithm>
#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/groups.hpp"
#include "common/version.hpp"
#include "services/ctl/manual.hpp"

namespace concourse::ctl {

namespace {

std::string with_words(const Verb& verb) {
  std::string text(verb.name);
  for (const auto word : verb.words) text += " " + std::string(word);
  return text;
}

const Verb* find_verb(const std::string& first, const std::string& second) {
  const auto named = [](const std::string& name) {
    const auto& all = verbs();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Verb& verb) { return verb.name == name; });
    return found == all.end() ? nullptr : &*found;
  };
  if (const auto* verb = named(first + " " + second)) return verb;
  return named(first);
}

// The verbs that begin with the word, for somebody who knows half of one; all of them if there are none.
std::string candidates(const std::string& word) {
  std::vector<std::string> names, some;
  for (const auto& verb : verbs()) {
    names.emplace_back(verb.name);
    if (!word.empty() && verb.name.starts_with(word + " ")) some.emplace_back(verb.name);
  }
  return join(some.empty() ? names : some, ", ");
}

}  // namespace

std::string usage_of(const Verb& verb) { return with_words(verb) + (verb.command.empty() ? "" : " " + std::string(verb.command)); }

config::Option runtime_dir_option() { return config::common_group().options.at(0); }

std::string overview() {
  std::string text =
      std::string("Usage:\n  ") + kProgram + " <verb> [flags]\n\nLooks into a running worker and steers it.\n\nVerbs:\n";
  for (const auto& verb : verbs()) {
    auto left = "  " + usage_of(verb);
    left.resize(std::max<std::size_t>(left.size() + 2, 37), ' ');
    text += left + std::string(verb.summary) + "\n";
  }
  return text + "\n`" + kProgram + " <verb> --help` lists a verb's flags.\n\nExample:\n  " + kProgram + " status\n";
}

Invocation read_command_line(const std::vector<std::string>& arguments, const config::Environment& environment) {
  const std::string first = arguments.empty() ? "" : arguments[0], second = arguments.size() > 1 ? arguments[1] : "";
  if (first == "--help" || first == "-h") {
    std::fputs(overview().c_str(), stdout);
    throw config::HelpShown();
  }
  if (first == "--version") {
    std::printf("%s\n", kVersion);
    throw config::HelpShown();
  }
  if (first == "--man-page") {
    std::fputs(manual().c_str(), stdout);
    throw config::HelpShown();
  }
  if (first.starts_with('-'))
    throw Error(ErrorKind::usage, "'" + first + "' before the verb: flags come behind it, as in " + kProgram + " status " + first);
  const auto* verb = find_verb(first, second);
  if (verb == nullptr)
    throw Error(ErrorKind::usage,
                (first.empty() ? "no verb given" : "unknown verb '" + first + (second.empty() ? "" : " " + second) + "'") +
                    "; one of " + candidates(first));

  config::Group group{"Flags", verb->options};
  group.options.push_back(runtime_dir_option());
  const auto name = std::string(kProgram) + " " + with_words(*verb), usage = std::string(kProgram) + " " + usage_of(*verb);
  const auto example = "  " + std::string(verb->example);
  const config::Program program{
      .name = name, .summary = verb->summary, .groups = {std::move(group)}, .behind = verb->command, .example = example};
  const auto consumed = verb->name.find(' ') == std::string_view::npos ? 1 : 2;
  Invocation call;
  call.verb = verb;
  const auto dashes = std::find(arguments.begin() + consumed, arguments.end(), "--");
  call.values = config::parse(program, {arguments.begin() + consumed, dashes}, environment, /*words_allowed=*/true);
  if (dashes != arguments.end()) call.command.assign(dashes + 1, arguments.end());
  call.words = call.values.words;
  if (call.words.size() < verb->words.size())
    throw Error(ErrorKind::usage, std::string(verb->words[call.words.size()]) + " is missing: " + usage);
  if (call.words.size() > verb->words.size())
    throw Error(ErrorKind::usage, "unexpected argument '" + call.words[verb->words.size()] + "': " + usage);
  if (!call.command.empty() && verb->command.empty())
    throw Error(ErrorKind::usage, "unexpected argument '" + call.command[0] + "': " + usage);
  return call;
}

}  // namespace concourse::ctl
