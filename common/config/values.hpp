// The effective value of every option of a program: command line over environment over default.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/config/option.hpp"

namespace concourse::config {

// Thrown by parse() after --help or --version has been printed: exit with status 0.
class HelpShown : public std::exception {};

enum class Source { fallback, environment, command_line };

class Values {
 public:
  // All throw std::logic_error for a name that isn't in the program's table, and never for a value: parse() has checked it.
  const std::string& text(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  unsigned short port(std::string_view name) const;
  Duration duration(std::string_view name) const;
  const std::vector<std::string>& list(std::string_view name) const;

  Source source(std::string_view name) const;
  bool given(std::string_view name) const { return source(name) != Source::fallback; }
  bool knows(std::string_view name) const { return entries_.contains(std::string(name)); }

  // `--name=value` words that give another program with the same options the same values. Only those that were given and
  // have an effect. Secret ones, which `ps` must not show, are in to_environment() instead, as NAME=value.
  std::vector<std::string> to_arguments(const std::vector<Group>& groups) const;
  std::vector<std::string> to_environment(const std::vector<Group>& groups) const;

  // "name=value" of every option that has a value from `source`, for the log. Of secret ones only that they are set.
  std::vector<std::string> effective(const std::vector<Group>& groups, Source source) const;

  struct Entry {
    std::vector<std::string> values;  // one for a scalar
    Source source = Source::fallback;
    Type type = Type::text;
  };
  std::map<std::string, Entry> entries_;
  std::vector<std::string> warnings;  // one line each: no-effect options that were given, empty variables
  std::vector<std::string> words;     // what is left on the command line

 private:
  const Entry& entry(std::string_view name) const;
};

}  // namespace concourse::config
