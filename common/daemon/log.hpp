// Structured logs: one line per event, event first, fields after it. The same schema in every service.
//
//   log::info("container created", {{"handle", handle}, {"ms", elapsed}});
//
// json: {"timestamp":"2026-08-07T10:00:00.123456789Z","level":"info","source":"garden","message":"garden.container
// created","data":{…}}
//       the five keys of the Go worker's log, so that what reads those logs reads these.
// text: 10:00:00.123 info  garden  container created  handle=… ms=…
// journal: the json line as the message, with priority, CONCOURSE_EVENT and a field for each of the data (CONCOURSE_HANDLE);
//       to stdout, where there is no journal.
//
// A line that belongs to a request has its id in the field `request` (log_request.hpp).
//
// One event is logged 50 times a second at most; the next line of it has `left_out`, how many were not.
//
// Safe from any thread. `common` logs at debug only: a failure is logged once, by the program that decides what to do.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace concourse::log {

enum class Level { debug, info, warn, error, fatal };
enum class Format { json, text, journal };

std::string_view name_of(Level level);
Level parse_level(std::string_view name);  // throws Error(invalid)

// A field's value: text, a number, true or false, or a list of texts.
class Value {
 public:
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(std::string_view text);
  Value(const std::string& text) : Value(std::string_view(text)) {}
  Value(bool b) : json_(b ? "true" : "false") {}
  Value(int n) : Value(static_cast<std::int64_t>(n)) {}
  Value(unsigned n) : Value(static_cast<std::uint64_t>(n)) {}
  Value(std::int64_t n) : json_(std::to_string(n)) {}
  Value(std::uint64_t n) : json_(std::to_string(n)) {}
  Value(long long n) : json_(std::to_string(n)) {}
  Value(double n);
  Value(const std::vector<std::string>& list);
  const std::string& json() const { return json_; }

 private:
  std::string json_;
};

struct Field {
  std::string_view key;
  Value value;
};
using Fields = std::initializer_list<Field>;

// Called once, before the first thread starts. Until then lines go to stdout as json at info.
void start(std::string_view source, Level level, Format format);
void set_level(Level level);
Level level();
// text on a terminal, journal when stdout leads there, else json.
Format default_format();
Format parse_format(std::string_view name);  // "auto" is the default

// `unix_ns`: when it happened, if that isn't now.
void write(Level level, std::string_view event, Fields fields, std::int64_t unix_ns = 0);
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }

}  // namespace concourse::log
