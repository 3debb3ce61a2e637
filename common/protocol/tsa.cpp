#include "common/protocol/tsa.hpp"

#include "common/base/error.hpp"

namespace concourse::protocol::tsa {

namespace {

using Ordered = nlohmann::ordered_json;

Ordered to_ordered(const ResourceType& type) {
  return {{"type", type.type},
          {"image", type.image},
          {"version", type.version},
          {"privileged", type.privileged},
          {"unique_version_history", type.unique_version_history}};
}

// An empty list is null: what Go's encoder makes of a list that nobody filled.
template <typename T, typename F>
Ordered list_or_null(const std::vector<T>& items, F convert) {
  if (items.empty()) return nullptr;
  auto list = Ordered::array();
  for (const auto& item : items) list.push_back(convert(item));
  return list;
}

}  // namespace

std::string report_command(std::string_view command, const std::vector<std::string>& handles) {
  std::string line(command);
  for (const auto& handle : handles) {
    if (handle.empty() || handle.find_first_of(" \t\r\n") != std::string::npos)
      throw Error(ErrorKind::invalid, "handle '" + handle + "' can't be reported: it is empty or has a blank in it");
    line += ' ';
    line += handle;
  }
  return line;
}

std::string to_json(const Worker& worker) {
  Ordered object;
  object["addr"] = "";
  object["baggageclaim_url"] = "";
  if (worker.certs_path) object["certs_path"] = *worker.certs_path;
  if (!worker.http_proxy.empty()) object["http_proxy_url"] = worker.http_proxy;
  if (!worker.https_proxy.empty()) object["https_proxy_url"] = worker.https_proxy;
  if (!worker.no_proxy.empty()) object["no_proxy"] = worker.no_proxy;
  object["active_containers"] = 0;
  object["active_volumes"] = 0;
  object["active_tasks"] = 0;
  object["max_active_tasks"] = worker.max_active_tasks;
  object["resource_types"] = list_or_null(worker.resource_types, to_ordered);
  object["platform"] = worker.platform;
  object["tags"] = list_or_null(worker.tags, [](const std::string& tag) { return Ordered(tag); });
  object["team"] = worker.team;
  object["name"] = worker.name;
  object["version"] = worker.version;
  object["start_time"] = worker.start_time;
  object["ephemeral"] = worker.ephemeral;
  object["state"] = worker.state;
  return object.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

}  // namespace concourse::protocol::tsa
