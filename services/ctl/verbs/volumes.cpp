#include <cstdio>

#include "common/base/strings.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/api.hpp"
#include "services/ctl/table.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

Api baggageclaim(const Call& call) { return {"BaggageClaim", protocol::baggageclaim_socket(call.runtime_dir)}; }

std::string properties_text(const Json& volume) {
  const auto* properties = find_field(volume, "properties");
  std::vector<std::string> pairs;
  if (properties != nullptr && properties->is_object())
    for (const auto& [name, value] : properties->items())
      pairs.push_back(name + "=" + (value.is_string() ? value.get<std::string>() : value.dump()));
  return join(pairs, " ");
}

int list(const Call& call) {
  const auto volumes = baggageclaim(call).get("/volumes");
  if (call.values.flag("json")) {
    std::puts(dump_json(volumes).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"HANDLE", "PRIVILEGED", "PATH", "PROPERTIES"}};
  for (const auto& volume : volumes)
    rows.push_back({string_field(volume, "handle"), bool_field(volume, "privileged") ? "yes" : "no", string_field(volume, "path"),
                    properties_text(volume)});
  std::fputs(table(rows).c_str(), stdout);
  return 0;
}

int inspect(const Call& call) {
  std::puts(baggageclaim(call).get("/volumes/" + percent_encode(call.words[0])).dump(2).c_str());
  return 0;
}

int destroy(const Call& call) {
  baggageclaim(call).remove("/volumes/" + percent_encode(call.words[0]));
  return 0;
}

}  // namespace

std::vector<Verb> volume_verbs() {
  return {{"volumes list",
           {},
           "The volumes.",
           {{.name = "json", .type = config::Type::boolean, .help = "Print what BaggageClaim says, as JSON.", .env = "-"}},
           "concourse-workerctl volumes list",
           list},
          {"volumes inspect",
           {"HANDLE"},
           "What BaggageClaim knows about a volume, as JSON.",
           {},
           "concourse-workerctl volumes inspect 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e",
           inspect},
          {"volumes destroy",
           {"HANDLE"},
           "Removes a volume that no other builds on.",
           {},
           "concourse-workerctl volumes destroy 5f0bd5b2-9bd0-4f4b-6a8b-4a3c3f0a3d1e",
           destroy}};
}

}  // namespace concourse::ctl
