#include "common/protocol/garden.hpp"

#include <algorithm>

#include "common/base/error.hpp"

namespace concourse::protocol::garden {

std::optional<WindowSize> window_size(const Json& tty) {
  const Json* size = find_field(tty, "window_size");
  if (size == nullptr) return std::nullopt;
  const auto cells = [&](const char* key) {
    return static_cast<std::uint16_t>(std::min<std::uint64_t>(uint_field(*size, key), UINT16_MAX));
  };
  return WindowSize{cells("columns"), cells("rows")};
}

namespace {

// Nothing asked for: what clients send for a field that they don't use ({}, [], null, 0, "", and objects of such).
bool is_empty(const Json& value) {
  if (value.is_structured()) return std::all_of(value.begin(), value.end(), is_empty);
  return value.is_null() || value == Json("") || value == Json(0) || value == Json(false);
}

void refuse(const Json& json, const char* key, const char* what) {
  if (const Json* field = find_field(json, key); field != nullptr && !is_empty(*field))
    throw Error(ErrorKind::invalid, std::string("field '") + key + "': " + what);
}

}  // namespace

ProcessSpec parse_process_spec(const Json& json) {
  if (!json.is_object()) throw Error(ErrorKind::invalid, "process spec must be an object");
  refuse(json, "image", "a process has no root file system of its own here: make a container of the image");
  refuse(json, "bind_mounts", "a process has no mounts of its own here: give them to the container");
  refuse(json, "limits", "a process has no limits of its own here (OverrideContainerLimits): give them to the container");
  refuse(json, "overrideContainerLimits", "a process has no limits of its own here: give them to the container");
  ProcessSpec spec;
  spec.id = string_field(json, "id");
  spec.path = string_field(json, "path");
  spec.args = strings_field(json, "args");
  spec.env = strings_field(json, "env");
  spec.dir = string_field(json, "dir");
  spec.user = string_field(json, "user");
  if (const Json* tty = find_field(json, "tty")) spec.tty = window_size(*tty).value_or(WindowSize{});
  if (const Json* limits = find_field(json, "rlimits"); limits != nullptr && limits->is_object())
    for (auto it = limits->begin(); it != limits->end(); ++it)
      if (!it->is_null()) spec.rlimits[it.key()] = uint_field(*limits, it.key());
  return spec;
}

Json to_json(const ProcessSpec& spec) {
  Json json = {{"id", spec.id},   {"path", spec.path}, {"args", spec.args},
               {"env", spec.env}, {"dir", spec.dir},   {"user", spec.user}};
  if (spec.tty) json["tty"] = {{"window_size", {{"columns", spec.tty->columns}, {"rows", spec.tty->rows}}}};
  if (!spec.rlimits.empty()) json["rlimits"] = spec.rlimits;
  return json;
}

}  // namespace concourse::protocol::garden
