#include "services/baggageclaim/volume_format.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/record_file.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::int64_t kVersion = 1;
constexpr const char* kCanonical = "0";
constexpr const char* kShifted = "max";

Error broken(const std::string& why) { return Error(ErrorKind::invalid, std::string(kFormatFile) + ": " + why); }

IdPermutation read_pairs(const Json& record, const char* key) {
  const Json* field = find_field(record, key);
  if (field == nullptr) return {};
  if (!field->is_array()) throw broken(std::string(key) + " is no list");
  IdPermutation::Pairs pairs;
  for (const auto& pair : *field) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_unsigned() || !pair[1].is_number_unsigned() ||
        pair[0].get<std::uint64_t>() >= UINT32_MAX || pair[1].get<std::uint64_t>() >= UINT32_MAX)
      throw broken(std::string(key) + " has something else than pairs of ids");
    pairs.emplace_back(pair[0].get<std::uint32_t>(), pair[1].get<std::uint32_t>());
  }
  return IdPermutation::from_pairs(pairs);
}

}  // namespace

std::optional<VolumeFormat> read_format(const VolumeDir& volume) {
  const auto text = os::read_file(volume.file(kFormatFile));
  if (!text) return std::nullopt;
  const Json record = parse_json(*text);
  if (const auto version = int_field(record, "version"); version != kVersion)
    throw broken("version " + std::to_string(version) + "; this server knows " + std::to_string(kVersion));
  VolumeFormat format;
  format.driver = string_field(record, "driver");
  const auto root = string_field(record, "root");
  if (root != kCanonical && root != kShifted) throw broken("root '" + root + "' is neither 0 nor max");
  format.shifted = root == kShifted;
  format.strategy = string_field(record, "strategy");
  format.layers = strings_field(record, "layers");
  for (const auto& layer : format.layers)
    if (!is_valid_handle(layer)) throw broken("layer '" + layer + "' is no handle");
  format.volatile_since = string_field(record, "volatile");
  format.made_privileged = bool_field(record, "privileged");
  if (const Json* properties = find_field(record, "properties"))
    format.made_properties = protocol::baggageclaim::parse_properties(*properties);
  format.owners = {read_pairs(record, "uids"), read_pairs(record, "gids")};
  return format;
}

bool is_record_torn(const VolumeDir& volume) {
  struct stat status {};
  return ::lstat(volume.file(kFormatFile).c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

void write_format(const VolumeDir& volume, const VolumeFormat& format) {
  Json record{{"version", kVersion}, {"driver", format.driver}, {"root", format.shifted ? kShifted : kCanonical}};
  if (!format.strategy.empty()) record["strategy"] = format.strategy;
  if (!format.layers.empty()) record["layers"] = format.layers;
  if (!format.owners.uid.is_identity()) record["uids"] = format.owners.uid.pairs();
  if (!format.owners.gid.is_identity()) record["gids"] = format.owners.gid.pairs();
  if (!format.volatile_since.empty()) record["volatile"] = format.volatile_since;
  record["privileged"] = format.made_privileged;
  if (format.made_properties) record["properties"] = *format.made_properties;
  write_record(volume, kFormatFile, dump_json(record) + "\n");
}

void remove_format(const VolumeDir& volume) {
  if (::unlink(volume.file(kFormatFile).c_str()) != 0 && errno != ENOENT)
    throw SysError("remove '" + volume.file(kFormatFile).string() + "'");
  os::fsync_directory(volume.path);
}

IdMap shown_map(const VolumeFormat& format, const IdView& view, std::uint32_t max) {
  const auto swap = IdMap::swap(0, max);
  const auto map = format.shifted ? swap.then(format.owners) : format.owners;
  return view.shifted() ? map.then(swap) : map;
}

}  // namespace concourse::baggageclaim
