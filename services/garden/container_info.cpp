#include "services/garden/container_info.hpp"

#include "common/base/error.hpp"

namespace concourse::garden {

Json empty_info() {
  return {{"State", ""},      {"Events", nullptr},   {"HostIP", ""},          {"ContainerIP", ""},     {"ContainerIPv6", ""},
          {"ExternalIP", ""}, {"ContainerPath", ""}, {"ProcessIDs", nullptr}, {"Properties", nullptr}, {"MappedPorts", nullptr}};
}

Json container_info(Container& container, const Network& network, Deadline deadline) {
  Json info = empty_info();
  info["State"] = "stopped";
  info["ProcessIDs"] = Json::array();
  try {
    const Json status = container.shim().status(deadline);
    if (bool_field(status, "running") && !bool_field(status, "stopped")) info["State"] = "active";
    if (const Json* processes = find_field(status, "processes"))
      for (const Json& process : *processes)
        if (bool_field(process, "running")) info["ProcessIDs"].push_back(string_field(process, "id"));
  } catch (const std::exception&) {
    // Its end is what "stopped" says.
  }
  info["Events"] = Json::array();
  info["HostIP"] = ipv4_text(network.gateway());
  info["ContainerIP"] = ipv4_text(container.address());
  info["ContainerIPv6"] = container.ipv6();
  info["ExternalIP"] = network.external_ip();
  info["ContainerPath"] = container.dir().string();
  info["Properties"] = Json(container.properties().all());
  info["MappedPorts"] = Json::array();
  for (const auto& mapping : container.network().ports)
    info["MappedPorts"].push_back({{"HostPort", mapping.host_port}, {"ContainerPort", mapping.container_port}});
  return info;
}

}  // namespace concourse::garden
