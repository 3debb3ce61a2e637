#include "common/daemon/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/daemon/log_journal.hpp"
#include "common/daemon/log_rate.hpp"
#include "common/daemon/log_request.hpp"

namespace concourse::log {

namespace {

// No healthy worker logs one event this often; the next line of it has `left_out`.
constexpr double kBurst = 500, kPerSecond = 50;

struct State {
  std::string source = "worker";
  std::atomic<Level> level = Level::info;
  Format format = Format::json;
  std::shared_ptr<spdlog::logger> logger;
  RateLimit limit{kBurst, kPerSecond};
};

State& state() {
  static State* s = [] {
    auto* fresh = new State;  // never destroyed: threads may log while statics are torn down
    fresh->logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stdout_sink_mt>());
    fresh->logger->set_pattern("%v");
    fresh->logger->set_level(spdlog::level::trace);
    fresh->logger->flush_on(spdlog::level::trace);                // a line must not be lost with the process
    fresh->logger->set_error_handler([](const std::string&) {});  // stdout is gone: nothing to tell anybody with
    return fresh;
  }();
  return *s;
}

struct Time {
  std::tm utc{};
  long nanoseconds = 0;
};

Time time_of(std::int64_t unix_ns) {
  timespec ts{unix_ns / 1'000'000'000, unix_ns % 1'000'000'000};
  if (unix_ns <= 0) clock_gettime(CLOCK_REALTIME, &ts);
  Time time;
  gmtime_r(&ts.tv_sec, &time.utc);
  time.nanoseconds = ts.tv_nsec;
  return time;
}

using Data = std::vector<Field>;

std::string as_json(const Time& t, Level level, std::string_view event, const Data& fields) {
  std::string line =
      fmt::format(R"({{"timestamp":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z","level":"{}","source":{},"message":{},"data":{{)",
                  t.utc.tm_year + 1900, t.utc.tm_mon + 1, t.utc.tm_mday, t.utc.tm_hour, t.utc.tm_min, t.utc.tm_sec, t.nanoseconds,
                  name_of(level), Value(state().source).json(), Value(state().source + "." + std::string(event)).json());
  bool first = true;
  for (const auto& field : fields) {
    if (!first) line += ',';
    first = false;
    line += Value(field.key).json() + ":" + field.value.json();
  }
  return line + "}}";
}

std::string as_text(const Time& t, Level level, std::string_view event, const Data& fields) {
  std::string line = fmt::format("{:02}:{:02}:{:02}.{:03} {:<5} {:<13} {}", t.utc.tm_hour, t.utc.tm_min, t.utc.tm_sec,
                                 t.nanoseconds / 1'000'000, name_of(level), state().source, event);
  for (const auto& field : fields) {
    const auto& json = field.value.json();
    // Quotes only where the text needs them.
    const bool plain = json.size() > 2 && json[0] == '"' && json.find_first_of(" \\=") == std::string::npos;
    line += fmt::format("  {}={}", field.key, plain ? std::string_view(json).substr(1, json.size() - 2) : std::string_view(json));
  }
  return line;
}

// syslog's: 7 debug, 6 info, 4 warning, 3 error, 2 critical.
int priority_of(Level level) {
  constexpr int priorities[] = {7, 6, 4, 3, 2};
  return priorities[static_cast<int>(level)];
}

bool to_journal(const std::string& line, Level level, std::string_view event, const Data& fields) {
  std::vector<std::pair<std::string, std::string>> data;
  for (const auto& field : fields) {
    const auto& json = field.value.json();
    data.emplace_back(field.key, json.starts_with('"') ? parse_json(json).get<std::string>() : json);
  }
  return send_to_journal(journal_fields(line, priority_of(level), state().source, event, data));
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
    case Level::fatal: return "fatal";
  }
  return "info";
}

Level parse_level(std::string_view name) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error, Level::fatal})
    if (name_of(level) == name) return level;
  throw Error(ErrorKind::invalid, "'" + std::string(name) + "' is not a log level: debug, info, warn, error or fatal");
}

Value::Value(std::string_view text) : json_(dump_json(Json(text))) {}
Value::Value(double n) : json_(fmt::format("{:.3f}", n)) {}
Value::Value(const std::vector<std::string>& list) : json_(dump_json(Json(list))) {}

void start(std::string_view source, Level level, Format format) {
  auto& s = state();
  s.source = source;
  s.level = level;
  s.format = format;
}

void set_level(Level level) { state().level = level; }
Level level() { return state().level; }

Format default_format() {
  if (isatty(STDOUT_FILENO) != 0) return Format::text;
  return stdout_is_the_journal() ? Format::journal : Format::json;
}

Format parse_format(std::string_view name) {
  if (name == "json") return Format::json;
  if (name == "text") return Format::text;
  return name == "journal" ? Format::journal : default_format();
}

void write(Level level, std::string_view event, Fields fields, std::int64_t unix_ns) {
  auto& s = state();
  if (level < s.level.load(std::memory_order_relaxed)) return;
  Data data(fields);
  if (level != Level::debug && level != Level::fatal) {  // the one was asked for, the other comes once
    const auto left_out = s.limit.pass(event, Clock::now());
    if (!left_out) return;
    if (*left_out > 0) data.push_back({"left_out", *left_out});
  }
  if (const auto& request = current_request(); !request.empty()) data.push_back({"request", request});
  const auto time = time_of(unix_ns);
  const auto line = s.format == Format::text ? as_text(time, level, event, data) : as_json(time, level, event, data);
  if (s.format == Format::journal && to_journal(line, level, event, data)) return;
  s.logger->log(spdlog::level::info, "{}", line);
}

}  // namespace concourse::log
