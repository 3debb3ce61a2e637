#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/api.hpp"
#include "services/ctl/table.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

Api garden(const Call& call) { return {"Garden", protocol::garden_socket(call.runtime_dir)}; }

// A query has its limits: some hundred handles at a time.
constexpr std::size_t kHandlesPerQuery = 100;

Json infos(const Api& api, const std::vector<std::string>& handles) {
  Json all = Json::object();
  for (std::size_t i = 0; i < handles.size(); i += kHandlesPerQuery) {
    const auto last = std::min(handles.size(), i + kHandlesPerQuery);
    std::vector<std::string> some;
    for (std::size_t j = i; j < last; ++j) some.push_back(percent_encode(handles[j]));
    all.update(api.get("/containers/bulk_info?handles=" + join(some, ",")));
  }
  return all;
}

int list(const Call& call) {
  const auto api = garden(call);
  const auto handles = strings_field(api.get("/containers"), "Handles");
  const auto all = infos(api, handles);
  if (call.values.flag("json")) {
    std::puts(dump_json(all).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"HANDLE", "STATE", "ADDRESS", "PROCESSES"}};
  for (const auto& handle : handles) {
    const auto* entry = find_field(all, handle);
    const auto* info = entry != nullptr ? find_field(*entry, "Info") : nullptr;
    if (info == nullptr) continue;  // destroyed meanwhile
    const auto* error = find_field(*entry, "Err");
    rows.push_back({handle, error != nullptr ? "unreadable: " + dump_json(*error) : string_field(*info, "State"),
                    string_field(*info, "ContainerIP"), std::to_string(strings_field(*info, "ProcessIDs").size())});
  }
  std::fputs(table(rows).c_str(), stdout);
  return 0;
}

int inspect(const Call& call) {
  std::puts(garden(call).get("/containers/" + percent_encode(call.words[0]) + "/info").dump(2).c_str());
  return 0;
}

int destroy(const Call& call) {
  garden(call).remove("/containers/" + percent_encode(call.words[0]));
  return 0;
}

}  // namespace

std::vector<Verb> garden_verbs() {
  return {{"garden list",
           {},
           "The containers.",
           {{.name = "json", .type = config::Type::boolean, .help = "Print what Garden says, as JSON.", .env = "-"}},
           "concourse-workerctl garden list",
           list},
          {"garden inspect",
           {"HANDLE"},
           "Everything Garden knows about a container, as JSON.",
           {},
           "concourse-workerctl garden inspect 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e",
           inspect},
          {"garden destroy",
           {"HANDLE"},
           "Ends a container and removes it.",
           {},
           "concourse-workerctl garden destroy 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e",
           destroy}};
}

}  // namespace concourse::ctl
