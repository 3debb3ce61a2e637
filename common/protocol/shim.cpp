#include "common/protocol/shim.hpp"

#include "common/base/error.hpp"

namespace concourse::protocol::shim {

namespace {

Json to_json(const std::vector<Mount>& mounts) {
  Json list = Json::array();
  for (const auto& m : mounts) list.push_back({{"destination", m.destination}, {"writable", m.writable}, {"detached", m.detached}});
  return list;
}

std::vector<Mount> mounts_from_json(const Json& json) {
  std::vector<Mount> mounts;
  if (const Json* list = find_field(json, "mounts"))
    for (const Json& m : *list)
      mounts.push_back({string_field(m, "destination"), bool_field(m, "writable"), bool_field(m, "detached")});
  return mounts;
}

}  // namespace

Json to_json(const Config& c) {
  return {{"version", c.version},
          {"handle", c.handle},
          {"oci_runtime", c.oci_runtime},
          {"oci_runtime_flags", c.oci_runtime_flags},
          {"oci_state", c.oci_state},
          {"owner", c.owner},
          {"namespace_owner", c.namespace_owner},
          {"uid_map", c.uid_map},
          {"gid_map", c.gid_map},
          {"environment", c.environment},
          {"create_limit_ms", c.create_limit_ms},
          {"cgroup", c.cgroup},
          {"unified_cgroups", c.unified_cgroups},
          {"memory_limit", c.memory_limit},
          {"mounts", to_json(c.mounts)}};
}

Config config_from_json(const Json& json) {
  Config c;
  c.version = static_cast<int>(int_field(json, "version"));
  if (c.version > kVersion)
    throw Error(ErrorKind::invalid,
                "shim.json has version " + std::to_string(c.version) + ", this program knows " + std::to_string(kVersion));
  c.handle = string_field(json, "handle");
  c.oci_runtime = string_field(json, "oci_runtime");
  c.oci_runtime_flags = strings_field(json, "oci_runtime_flags");
  c.oci_state = string_field(json, "oci_state");
  c.owner = static_cast<std::uint32_t>(uint_field(json, "owner"));
  c.namespace_owner = static_cast<std::uint32_t>(uint_field(json, "namespace_owner"));
  c.uid_map = string_field(json, "uid_map");
  c.gid_map = string_field(json, "gid_map");
  c.environment = strings_field(json, "environment");
  c.create_limit_ms = int_field(json, "create_limit_ms", c.create_limit_ms);
  c.cgroup = string_field(json, "cgroup");
  c.unified_cgroups = bool_field(json, "unified_cgroups");
  c.memory_limit = uint_field(json, "memory_limit");
  c.mounts = mounts_from_json(json);
  return c;
}

}  // namespace concourse::protocol::shim
