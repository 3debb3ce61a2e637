#include "services/garden/properties.hpp"

#include "common/base/json.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

Properties::Properties(std::filesystem::path file, PropertyMap initial) : file_(std::move(file)), map_(std::move(initial)) {
  save(map_);
}

Properties::Properties(std::filesystem::path file) : file_(std::move(file)) {
  const Json json = parse_json(os::read_existing_file(file_));
  for (const auto& [name, value] : json.items()) map_[name] = value.is_string() ? value.get<std::string>() : "";
}

void Properties::save(const PropertyMap& map) const { os::write_file_durably(file_, dump_json(Json(map)), 0600); }

PropertyMap Properties::all() const {
  const std::lock_guard lock(mutex_);
  return map_;
}

std::optional<std::string> Properties::get(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = map_.find(name);
  if (found == map_.end()) return std::nullopt;
  return found->second;
}

void Properties::set(const std::string& name, const std::string& value) {
  const std::lock_guard lock(mutex_);
  auto changed = map_;
  changed[name] = value;
  save(changed);  // throws before anything has changed
  map_ = std::move(changed);
}

bool Properties::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto changed = map_;
  if (changed.erase(name) == 0) return false;
  save(changed);
  map_ = std::move(changed);
  return true;
}

bool Properties::match(const PropertyMap& filter) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, value] : filter)
    if (const auto found = map_.find(name); found == map_.end() || found->second != value) return false;
  return true;
}

}  // namespace concourse::garden
