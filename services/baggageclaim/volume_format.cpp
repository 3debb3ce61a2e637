#include "services/baggageclaim/volume_format.hpp"

#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/handle.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr std::int64_t kVersion = 1;
constexpr const char* kCanonical = "0";
constexpr const char* kShifted = "max";
}  // namespace

std::optional<VolumeFormat> read_format(const VolumeDir& volume) {
  const auto text = os::read_file(volume.file(kFormatFile));
  if (!text) return std::nullopt;
  const Json json = parse_json(*text);
  if (const auto version = int_field(json, "version"); version != kVersion)
    throw Error(ErrorKind::invalid,
                "format.json has version " + std::to_string(version) + ", this server knows " + std::to_string(kVersion));
  VolumeFormat format;
  const auto root = string_field(json, "root");
  if (root != kCanonical && root != kShifted)
    throw Error(ErrorKind::invalid, "format.json: root '" + root + "' is neither 0 nor max");
  format.shifted = root == kShifted;
  format.layers = strings_field(json, "layers");
  for (const auto& layer : format.layers)
    if (!is_valid_handle(layer)) throw Error(ErrorKind::invalid, "format.json: layer '" + layer + "' is not a handle");
  return format;
}

void write_format(const VolumeDir& volume, const VolumeFormat& format) {
  const Json json{{"version", kVersion}, {"root", format.shifted ? kShifted : kCanonical}, {"layers", format.layers}};
  os::write_file_durably(volume.file(kFormatFile), dump_json(json) + "\n");
}

void remove_format(const VolumeDir& volume) {
  if (::unlink(volume.file(kFormatFile).c_str()) != 0 && errno != ENOENT)
    throw SysError("remove '" + volume.file(kFormatFile).string() + "'");
  os::fsync_directory(volume.path);
}

}  // namespace concourse::baggageclaim
