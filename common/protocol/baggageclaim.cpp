#include "common/protocol/baggageclaim.hpp"

#include "common/base/error.hpp"

namespace concourse::protocol::baggageclaim {

namespace {

const Json& object_of(const Json& body) {
  if (!body.is_object() && !body.is_null())
    throw Error(ErrorKind::invalid, "body must be a JSON object, not " + std::string(body.type_name()));
  return body;
}

std::optional<std::int64_t> optional_int(const Json& object, std::string_view key) {
  if (find_field(object, key) == nullptr) return std::nullopt;
  return int_field(object, key);
}

}  // namespace

VolumeRequest parse_volume_request(std::string_view body) {
  const Json json = parse_json(body);
  object_of(json);
  VolumeRequest request;
  request.handle = string_field(json, "handle");
  if (const Json* strategy = find_field(json, "strategy")) request.strategy = *strategy;
  if (const Json* properties = find_field(json, "properties")) request.properties = parse_properties(*properties);
  request.privileged = bool_field(json, "privileged");
  request.uid = optional_int(json, "uid");
  request.gid = optional_int(json, "gid");
  return request;
}

std::optional<Properties> parse_properties(const Json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_object()) throw Error(ErrorKind::invalid, "properties must be an object, not " + std::string(value.type_name()));
  Properties properties;
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (it->is_null()) properties[it.key()] = "";
    else if (it->is_string()) properties[it.key()] = it->get<std::string>();
    else throw Error(ErrorKind::invalid, "property '" + it.key() + "' must be a string, not " + it->type_name());
  }
  return properties;
}

std::string properties_json(const std::optional<Properties>& properties) {
  return properties ? dump_json(Json(*properties)) : "null";
}

std::string to_json(const Volume& volume) {
  std::string text = "{\"handle\":" + dump_json(volume.handle) + ",\"path\":" + dump_json(volume.path) +
                     ",\"properties\":" + properties_json(volume.properties) +
                     ",\"privileged\":" + (volume.privileged ? "true" : "false");
  if (volume.uid) text += ",\"uid\":" + std::to_string(*volume.uid);
  if (volume.gid) text += ",\"gid\":" + std::to_string(*volume.gid);
  return text + "}";
}

std::string to_json(const std::vector<Volume>& volumes) {
  std::string text = "[";
  for (const auto& volume : volumes) {
    if (text.size() > 1) text += ',';
    text += to_json(volume);
  }
  return text + "]";
}

std::string future_json(const std::string& handle) { return "{\"handle\":" + dump_json(handle) + "}"; }
std::string error_json(std::string_view message) { return "{\"error\":" + dump_json(Json(message)) + "}"; }

std::string parse_property_request(std::string_view body) {
  const Json json = parse_json(body);
  return string_field(object_of(json), "value");
}

bool parse_privileged_request(std::string_view body) {
  const Json json = parse_json(body);
  return bool_field(object_of(json), "value");
}

std::vector<std::string> parse_destroy_request(std::string_view body) {
  const Json json = parse_json(body);
  return strings_field(Json{{"handles", json}}, "handles");
}

}  // namespace concourse::protocol::baggageclaim
