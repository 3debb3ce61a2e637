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

namespace concourse::log {

namespace {

struct State {
  std::string source = "worker";
  std::atomic<Level> level = Level::info;
  Format format = Format::json;
  std::shared_ptr<spdlog::logger> logger;
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

std::string as_json(const Time& t, Level level, std::string_view event, Fields fields) {
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

std::string as_text(const Time& t, Level level, std::string_view event, Fields fields) {
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
Format default_format() { return isatty(STDOUT_FILENO) != 0 ? Format::text : Format::json; }

void write(Level level, std::string_view event, Fields fields, std::int64_t unix_ns) {
  auto& s = state();
  if (level < s.level.load(std::memory_order_relaxed)) return;
  const auto time = time_of(unix_ns);
  s.logger->log(spdlog::level::info, "{}",
                s.format == Format::json ? as_json(time, level, event, fields) : as_text(time, level, event, fields));
}

}  // namespace concourse::log
