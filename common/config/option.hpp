// One option of one program. A program's options are tables of these; the parser, the environment, --help, the manual page
// and the log of effective values are all derived from the table, so that they can't disagree.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

namespace concourse::config {

enum class Type {
  text,
  boolean,    // --x, --x=true, --x=false; environment: true/false/1/0/t/f, empty means not set
  integer,    // whole, sign allowed
  port,       // 0-65535
  duration,   // Go's form: 300ms, 5s, 1h30m, 0
  ip,         // IPv4 or IPv6 text
  cidr,       // address/prefix; a bare address is taken as a network of one
  host_port,  // host:port, [v6]:port
  directory,  // made absolute; need not exist; a plain file there is an error
  file,       // made absolute; must exist and be readable
  url,        // scheme and host
  disk_mark,  // 5%, 2G, 5%,2G or 0 (disk_mark.hpp)
  choice,     // one of `choices`
  list,       // repeated on the command line; split at commas in the environment; each of type `element`
  map,        // a list of key:value
};

struct Option {
  std::string_view name;  // long name without dashes
  char short_name = 0;    // 'f' for -f; none if 0
  Type type = Type::text;
  std::string_view value = "";  // default, in the form a user would write it; empty: none
  std::string_view help = "";
  std::string_view env = "";  // empty: CONCOURSE_ + name in upper case with _ for -; "-": no variable
  std::vector<std::string_view> choices = {};
  Type element = Type::text;       // of a list
  std::string_view at_least = "";  // smallest value allowed, of an integer or a duration
  bool required = false;
  bool hidden = false;            // parsed, but not in --help
  bool secret = false;            // may hold a password: never shown, passed on by environment instead of as an argument
  std::string_view instead = "";  // not empty: accepted without effect; the text says what to use
};

// A headed group of the help text, as in the peer's.
struct Group {
  std::string_view title;  // "TSA Configuration"
  std::vector<Option> options;
};

struct Program {
  std::string_view name;     // "concourse worker"
  std::string_view summary;  // one sentence
  std::vector<Group> groups;
  std::string_view behind = "";   // what may follow the flags: "[-- COMMAND]"
  std::string_view example = "";  // the last lines of the help text
};

}  // namespace concourse::config
