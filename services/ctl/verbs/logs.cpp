#include <algorithm>
#include <cstdio>
#include <set>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "services/ctl/logs/line.hpp"
#include "services/ctl/logs/source.hpp"
#include "services/ctl/verb.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl {

namespace {

config::Option file_option() {
  return {.name = "file",
          .type = config::Type::file,
          .help = "Read this file in place of the journal or the supervisor's output.",
          .env = "-"};
}

std::vector<std::string> services_named(const std::string& word) {
  if (word == "all") return {};
  if (word == "supervisor" || std::find(std::begin(kServices), std::end(kServices), word) != std::end(kServices)) return {word};
  throw Error(ErrorKind::usage, "unknown service '" + word + "'; one of all, supervisor, " +
                                    join({std::begin(kServices), std::end(kServices)}, ", "));
}

int logs(const Call& call) {
  const bool raw = call.values.flag("json");
  const LogWanted wanted{services_named(call.words[0]), static_cast<std::size_t>(call.values.integer("lines")),
                         call.values.flag("follow"), call.values.text("file")};
  read_log(call.runtime_dir, wanted, [&](const std::string& text) {
    const auto line = raw ? std::nullopt : parse_log_line(text);
    std::printf("%s\n", line ? to_text(*line).c_str() : text.c_str());
    std::fflush(stdout);
  });
  return 0;
}

// The container and, as long as it lives, the volumes that are mounted in it.
std::set<std::string> handles_of(const Call& call, const std::string& handle) {
  std::set<std::string> handles{handle};
  if (!is_plain_name(handle))
    throw Error(ErrorKind::usage, "'" + handle + "' is no handle; concourse-workerctl garden list shows them");
  const auto record = os::read_file(call.runtime_dir / "garden/containers" / handle / "spec.json");
  if (!record) return handles;
  const auto parsed = parse_json(*record);
  const auto* spec = find_field(parsed, "spec");
  if (spec == nullptr) return handles;
  const auto add = [&](const std::string& path) {  // …/volumes/live/<handle>/volume
    const auto parts = split(path, '/');
    const auto live = std::find(parts.begin(), parts.end(), "live");
    if (live != parts.end() && live + 1 != parts.end()) handles.insert(*(live + 1));
  };
  if (const auto* mounts = find_field(*spec, "bind_mounts"))
    for (const auto& mount : *mounts) add(string_field(mount, "src_path"));
  add(string_field(*spec, "rootfs"));
  return handles;
}

int trace(const Call& call) {
  const auto handles = handles_of(call, call.words[0]);
  std::vector<LogLine> lines;
  read_log(call.runtime_dir, {.file = call.values.text("file")}, [&](const std::string& text) {
    if (std::none_of(handles.begin(), handles.end(), [&](const auto& handle) { return text.find(handle) != std::string::npos; }))
      return;
    if (auto line = parse_log_line(text)) lines.push_back(std::move(*line));
  });
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.timestamp < b.timestamp; });
  if (lines.empty())
    throw Error(ErrorKind::not_found,
                "the log has nothing about '" + call.words[0] + "'; concourse-workerctl garden list shows the handles");
  std::printf("%s  (%zu volumes)\n", lines.front().timestamp.c_str(), handles.size() - 1);
  for (const auto& line : lines) {
    char lead[32];
    std::snprintf(lead, sizeof lead, "%+11.3f s", seconds_between(lines.front().timestamp, line.timestamp));
    std::printf("%s\n", to_text(line, lead).c_str());
  }
  return 0;
}

}  // namespace

std::vector<Verb> log_verbs() {
  return {{"logs",
           {"SERVICE"},
           "What a service, or with `all` every one, has written to its log.",
           {{.name = "lines",
             .short_name = 'n',
             .type = config::Type::integer,
             .value = "100",
             .help = "Latest lines shown; 0 for all.",
             .env = "-",
             .at_least = "0"},
            {.name = "follow", .short_name = 'f', .type = config::Type::boolean, .help = "Go on with what comes.", .env = "-"},
            {.name = "json", .type = config::Type::boolean, .help = "Print the lines as they are.", .env = "-"},
            file_option()},
           "concourse-workerctl logs garden --follow",
           logs},
          {"trace",
           {"HANDLE"},
           "Every event of a container, and of its volumes while it lives, or of a request by its id, in all services.",
           {file_option()},
           "concourse-workerctl trace 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e",
           trace}};
}

}  // namespace concourse::ctl
