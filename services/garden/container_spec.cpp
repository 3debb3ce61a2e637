#include "services/garden/container_spec.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "services/garden/mounts/mount_points.hpp"

namespace concourse::garden {

namespace {

constexpr std::size_t kMaxHandle = 76;          // the longest name that the peers' runtimes take
constexpr std::size_t kMaxPropertyName = 2048;  // bytes

Error bad(const std::string& what) { return Error(ErrorKind::invalid, what); }

const Json& object_field(const Json& json, std::string_view key) {
  static const Json kEmpty = Json::object();
  const Json* field = find_field(json, key);
  if (field == nullptr) return kEmpty;
  if (!field->is_object()) throw bad("field '" + std::string(key) + "' must be an object");
  return *field;
}

const Json& array_field(const Json& json, std::string_view key) {
  static const Json kEmpty = Json::array();
  const Json* field = find_field(json, key);
  if (field == nullptr) return kEmpty;
  if (!field->is_array()) throw bad("field '" + std::string(key) + "' must be an array");
  return *field;
}

bool has_nul(const std::string& path) { return path.find('\0') != std::string::npos; }

// The web escapes the path as a URL's; the Go backend never undoes it. A path that doesn't decode is taken as it is.
std::string parse_rootfs(const std::string& uri) {
  if (uri.empty()) throw bad("rootfs must not be empty");
  const auto colon = uri.find("://");
  if (colon == std::string::npos) throw bad("malformatted rootfs: must be of form 'scheme://<abs_dir>'");
  if (uri.substr(0, colon) != "raw") throw bad("unsupported scheme '" + uri.substr(0, colon) + "'");
  const auto path = uri.substr(colon + 3);
  if (!path.starts_with('/')) throw bad("directory must be an absolute path");
  auto decoded = percent_decode(path, false).value_or(path);
  if (has_nul(decoded)) throw bad("rootfs has a NUL byte");
  return decoded;
}

BindMount parse_bind_mount(const Json& json) {
  BindMount mount{string_field(json, "src_path"), string_field(json, "dst_path"), false};
  if (mount.source.empty() || mount.destination.empty()) throw bad("src and dst must not be empty");
  if (!mount.source.starts_with('/') || !mount.destination.starts_with('/')) throw bad("src and dst must be absolute");
  if (has_nul(mount.source) || has_nul(mount.destination)) throw bad("src and dst must not have a NUL byte");
  if (is_the_containers_own(mount.destination))
    throw bad("bind mount destination '" + mount.destination + "' is the container's own: mount below another directory");
  const auto mode = int_field(json, "mode"), origin = int_field(json, "origin");
  if (mode != 0 && mode != 1) throw bad("unknown bind mount mode " + std::to_string(mode));
  if (origin != 0) throw bad("unknown bind mount origin " + std::to_string(origin));
  mount.writable = mode == 1;
  return mount;
}

Limits parse_limits(const Json& json) {
  Limits limits;
  const Json& cpu = object_field(json, "cpu_limits");
  limits.cpu_weight = uint_field(cpu, "weight");
  limits.cpu_shares = uint_field(cpu, "limit_in_shares");
  limits.memory_bytes = uint_field(object_field(json, "memory_limits"), "limit_in_bytes");
  limits.pids = uint_field(object_field(json, "pid_limits"), "max");
  limits.bandwidth = object_field(json, "bandwidth_limits");
  limits.disk = object_field(json, "disk_limits");
  limits.disk_bytes = uint_field(limits.disk, "byte_hard");
  limits.disk_inodes = uint_field(limits.disk, "inode_hard");
  const auto scope = uint_field(limits.disk, "scope");
  if (scope > 1) throw bad("unknown disk limit scope " + std::to_string(scope));
  limits.disk_exclusive = scope == 1;
  return limits;
}

}  // namespace

ContainerSpec parse_container_spec(const Json& json) {
  if (!json.is_object()) throw bad("container spec must be an object");
  ContainerSpec spec;
  spec.handle = string_field(json, "handle");
  if (spec.handle.empty()) spec.handle = make_uuid();
  if (!is_plain_name(spec.handle, kMaxHandle))
    throw bad("handle '" + spec.handle + "' must be at most 76 letters, digits, '-', '_' and '.', and not begin with '.' or '-'");
  spec.grace_time_ns = int_field(json, "grace_time");
  auto rootfs = string_field(json, "rootfs");
  const auto image = string_field(object_field(json, "image"), "uri");
  if (!rootfs.empty() && !image.empty()) throw bad("cannot provide both image and rootfs");
  spec.rootfs = parse_rootfs(rootfs.empty() ? image : rootfs);
  for (const Json& mount : array_field(json, "bind_mounts")) spec.bind_mounts.push_back(parse_bind_mount(mount));
  spec.network = string_field(json, "network");
  for (const auto& [name, value] : object_field(json, "properties").items()) {
    if (!value.is_string()) throw bad("property '" + name + "' must be a string");
    if (name.size() > kMaxPropertyName) throw bad("property name \"" + name.substr(0, 16) + "...\" is too long");
    spec.properties[name] = value.get<std::string>();
  }
  spec.env = strings_field(json, "env");
  spec.privileged = bool_field(json, "privileged");
  spec.limits = parse_limits(object_field(json, "limits"));
  spec.netout_rules = array_field(json, "netout_rules");
  spec.hermetic = spec.netout_rules.empty();
  for (const Json& mapping : array_field(json, "netin")) spec.netin.push_back(parse_port_mapping(mapping));
  return spec;
}

Json to_json(const ContainerSpec& spec) {
  Json mounts = Json::array(), netin = Json::array();
  for (const auto& m : spec.bind_mounts)
    mounts.push_back({{"src_path", m.source}, {"dst_path", m.destination}, {"mode", m.writable ? 1 : 0}});
  for (const auto& m : spec.netin) netin.push_back(to_json(m));
  return {{"handle", spec.handle},
          {"grace_time", spec.grace_time_ns},
          {"rootfs", "raw://" + percent_encode_path(spec.rootfs)},
          {"bind_mounts", mounts},
          {"network", spec.network},
          {"properties", spec.properties},
          {"env", spec.env},
          {"privileged", spec.privileged},
          {"limits",
           {{"cpu_limits", {{"weight", spec.limits.cpu_weight}, {"limit_in_shares", spec.limits.cpu_shares}}},
            {"memory_limits", {{"limit_in_bytes", spec.limits.memory_bytes}}},
            {"pid_limits", {{"max", spec.limits.pids}}},
            {"bandwidth_limits", spec.limits.bandwidth},
            {"disk_limits", spec.limits.disk}}},
          {"netout_rules", spec.netout_rules},
          {"netin", netin}};
}

}  // namespace concourse::garden
