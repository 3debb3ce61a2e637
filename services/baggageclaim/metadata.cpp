#include "services/baggageclaim/metadata.hpp"

#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/record_file.hpp"

namespace concourse::baggageclaim {

namespace {

Json read_json(const VolumeDir& volume, const char* name) {
  const auto text = os::read_file(volume.file(name));
  if (!text) throw no_such_volume(volume.handle + "': no file '" + name);
  return parse_json(*text);
}

}  // namespace

std::optional<Properties> read_properties(const VolumeDir& volume) {
  return protocol::baggageclaim::parse_properties(read_json(volume, kPropertiesFile));
}

void write_properties(const VolumeDir& volume, const std::optional<Properties>& properties) {
  write_record(volume, kPropertiesFile, protocol::baggageclaim::properties_json(properties) + "\n");
}

bool read_privileged(const VolumeDir& volume) {
  const Json json = read_json(volume, kPrivilegedFile);
  if (!json.is_boolean())
    throw Error(ErrorKind::invalid, "volume '" + volume.handle + "': " + kPrivilegedFile + " is neither true nor false");
  return json.get<bool>();
}

void write_privileged(const VolumeDir& volume, bool privileged) {
  write_record(volume, kPrivilegedFile, privileged ? "true\n" : "false\n");
}

std::optional<std::string> read_parent(const VolumeDir& volume) {
  char target[4096];
  const auto link = volume.file(kParentLink);
  const auto size = ::readlink(link.c_str(), target, sizeof target);
  if (size < 0 && errno == ENOENT) return std::nullopt;
  if (size < 0) throw SysError("read link '" + link.string() + "'");
  return fs::path(std::string(target, static_cast<std::size_t>(size))).filename().string();
}

void write_parent(const VolumeDir& volume, const fs::path& parent) {
  const auto link = volume.file(kParentLink);
  if (::symlink(parent.c_str(), link.c_str()) != 0) throw SysError("make link '" + link.string() + "'");
}

}  // namespace concourse::baggageclaim
