#include "services/beacon/resource_types.hpp"

#include <unistd.h>

#include <algorithm>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/os/file.hpp"

namespace concourse::beacon {

namespace {

namespace fs = std::filesystem;
using protocol::tsa::ResourceType;

ResourceType read_type(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw Error(ErrorKind::invalid, "is not a folder");
  const auto metadata_path = folder / "resource_metadata.json";
  const auto metadata = os::read_existing_file(metadata_path, 1 << 20);
  ResourceType type;
  try {
    const Json fields = parse_json(metadata);
    if (!fields.is_object()) throw Error(ErrorKind::invalid, "is not a JSON object");
    type.type = string_field(fields, "type");
    type.version = string_field(fields, "version");
    type.privileged = bool_field(fields, "privileged");
    type.unique_version_history = bool_field(fields, "unique_version_history");
  } catch (const Error& e) {
    throw with_context("'" + metadata_path.string() + "'", e);
  }
  if (type.type.empty()) throw Error(ErrorKind::invalid, "'" + metadata_path.string() + "' names no type");
  const auto image = folder / "rootfs.tgz";
  if (::access(image.c_str(), R_OK) != 0) throw SysError("read '" + image.string() + "'");
  type.image = image.string();
  return type;
}

}  // namespace

std::vector<ResourceType> discover_resource_types(const fs::path& dir, const OnBrokenType& on_broken) {
  std::vector<ResourceType> types;
  for (const auto& entry : os::list_directory(dir)) {
    try {
      auto type = read_type(dir / entry);
      const bool known = std::any_of(types.begin(), types.end(), [&](const auto& other) { return other.type == type.type; });
      if (known) throw Error(ErrorKind::conflict, "has the type '" + type.type + "' that an earlier folder has");
      types.push_back(std::move(type));
    } catch (const std::exception& e) {
      on_broken(entry, e.what());
    }
  }
  return types;
}

void check_resource_types(const fs::path& dir) {
  std::vector<std::string> problems;
  discover_resource_types(dir, [&](const std::string& entry, const std::string& reason) {
    problems.push_back("resource type '" + (dir / entry).string() + "' would be left out: " + reason);
  });
  if (!problems.empty()) throw Problems(ErrorKind::usage, std::move(problems));
}

}  // namespace concourse::beacon
