// A container's properties: text to text, of any size, safe on disk before a change is answered. The web skips finished steps by
// them. Thread-safe.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace concourse::garden {

using PropertyMap = std::map<std::string, std::string>;

class Properties {
 public:
  // Of a new container: writes the file.
  Properties(std::filesystem::path file, PropertyMap initial);
  // Of one that is there already. Throws Error for a damaged file.
  explicit Properties(std::filesystem::path file);

  PropertyMap all() const;
  std::optional<std::string> get(const std::string& name) const;
  void set(const std::string& name, const std::string& value);
  bool remove(const std::string& name);  // false if it isn't there
  // Every one of `filter` is there with that value.
  bool match(const PropertyMap& filter) const;

 private:
  void save(const PropertyMap& map) const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;  // guards map_
  PropertyMap map_;
};

}  // namespace concourse::garden
