#include "common/protocol/shim.hpp"

#include "common/base/error.hpp"

namespace concourse::protocol::shim {

Json to_json(const Config& c) {
  return {{"version", c.version},
          {"handle", c.handle},
          {"oci_runtime", c.oci_runtime},
          {"oci_runtime_flags", c.oci_runtime_flags},
          {"oci_state", c.oci_state},
          {"owner", c.owner},
          {"environment", c.environment},
          {"create_limit_ms", c.create_limit_ms},
          {"cgroup", c.cgroup},
          {"unified_cgroups", c.unified_cgroups},
          {"memory_limit", c.memory_limit}};
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
  c.environment = strings_field(json, "environment");
  c.create_limit_ms = int_field(json, "create_limit_ms", c.create_limit_ms);
  c.cgroup = string_field(json, "cgroup");
  c.unified_cgroups = bool_field(json, "unified_cgroups");
  c.memory_limit = uint_field(json, "memory_limit");
  return c;
}

}  // namespace concourse::protocol::shim
