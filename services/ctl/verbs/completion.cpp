#include <cstdio>

#include "common/base/strings.hpp"
#include "services/ctl/verb.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl {

namespace {

// In @FIRST@ the verbs' first words, in @PAIRS@ first:second of those with two, in @CASES@ flags and words of each.
constexpr const char* kScript = R"bash(# bash completion of concourse-workerctl, made by `concourse-workerctl completion`.
_concourse_workerctl() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb='' flags='' n=0 i words=() plain=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [[ ${COMP_WORDS[i]} != -- ]] || return  # behind it is a command of the container's
    [[ ${COMP_WORDS[i]} == -* ]] || plain+=("${COMP_WORDS[i]}")
  done
  if [ ${#plain[@]} -eq 0 ]; then COMPREPLY=($(compgen -W '@FIRST@' -- "$cur")); return; fi
  local seconds=''
  for i in @PAIRS@; do [ "${i%%:*}" != "${plain[0]}" ] || seconds+="${i#*:} "; done
  verb=${plain[0]} n=$((${#plain[@]} - 1))
  if [ -n "$seconds" ]; then
    if [ "$n" -eq 0 ]; then COMPREPLY=($(compgen -W "$seconds" -- "$cur")); return; fi
    verb+=" ${plain[1]}" n=$((n - 1))
  fi
  case "$verb" in
@CASES@  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    [[ ${COMPREPLY[0]:-} != *= ]] || compopt -o nospace 2>/dev/null
  elif [ -n "${words[n]:-}" ]; then
    COMPREPLY=($(compgen -W "$(eval "${words[n]}")" -- "$cur"))
  fi
}
complete -F _concourse_workerctl concourse-workerctl
)bash";

// A bash command that prints what may stand for a verb's word.
std::string candidates_of(std::string_view verb, std::string_view word) {
  if (word == "SERVICE")
    return "echo " + join({std::begin(kServices), std::end(kServices)}, " ") + (verb == "restart" ? "" : " supervisor") +
           (verb == "logs" ? " all" : "");
  if (word == "LEVEL") return "echo debug info warn error fatal";
  if (word == "PROCESS")
    return R"(concourse-workerctl garden inspect "${plain[2]}" 2>/dev/null | sed -n "/\"ProcessIDs\"/,/]/s/^ *\"\([^\" ]*\)\",\?$/\1/p")";
  const auto list = std::string("concourse-workerctl ") + (verb.starts_with("volumes") ? "volumes" : "garden") + " list";
  return word == "HANDLE" ? list + " 2>/dev/null | tail -n +2 | cut -d \" \" -f 1" : ":";
}

std::string flags_of(const Verb& verb) {
  std::string flags;
  for (const auto& option : verb.options)
    flags += "--" + std::string(option.name) + (option.type == config::Type::boolean ? " " : "= ");
  return flags + "--runtime-dir= --help";
}

void replace(std::string& text, const std::string& mark, const std::string& by) { text.replace(text.find(mark), mark.size(), by); }

int print_script(const Call&) {
  std::string first, pairs, cases;
  for (const auto& verb : verbs()) {
    const auto space = verb.name.find(' ');
    const std::string word(verb.name.substr(0, space));
    if ((" " + first + " ").find(" " + word + " ") == std::string::npos) first += (first.empty() ? "" : " ") + word;
    if (space != std::string_view::npos)
      pairs += (pairs.empty() ? "" : " ") + word + ":" + std::string(verb.name.substr(space + 1));
    cases += "    '" + std::string(verb.name) + "') flags='" + flags_of(verb) + "' words=(";
    for (const auto wanted : verb.words) cases += "'" + candidates_of(verb.name, wanted) + "' ";
    cases += ") ;;\n";
  }
  std::string script = kScript;
  replace(script, "@FIRST@", first);
  replace(script, "@PAIRS@", pairs);
  replace(script, "@CASES@", cases);
  std::fputs(script.c_str(), stdout);
  return 0;
}

}  // namespace

std::vector<Verb> completion_verbs() {
  return {{"completion",
           {},
           "Prints the tab completion for bash; the package installs it.",
           {},
           "concourse-workerctl completion > /etc/bash_completion.d/concourse-workerctl",
           print_script}};
}

}  // namespace concourse::ctl
