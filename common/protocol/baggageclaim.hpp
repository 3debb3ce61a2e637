// The BaggageClaim API: paths, messages, and the texts that clients compare (docs/protocols/baggageclaim.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::protocol::baggageclaim {

// Route patterns. The order in which a server tries them matters: `destroy` is no handle.
inline constexpr std::string_view kVolumes = "/volumes";
inline constexpr std::string_view kCleanupOrphans = "/volumes/cleanup-orphans";
inline constexpr std::string_view kVolumesAsync = "/volumes-async";
inline constexpr std::string_view kVolumeAsync = "/volumes-async/:handle";
inline constexpr std::string_view kVolume = "/volumes/:handle";
inline constexpr std::string_view kProperty = "/volumes/:handle/properties/:property";
inline constexpr std::string_view kPrivileged = "/volumes/:handle/privileged";
inline constexpr std::string_view kStreamIn = "/volumes/:handle/stream-in";
inline constexpr std::string_view kStreamOut = "/volumes/:handle/stream-out";
inline constexpr std::string_view kStreamP2pOut = "/volumes/:handle/stream-p2p-out";
inline constexpr std::string_view kDestroyVolumes = "/volumes/destroy";
inline constexpr std::string_view kP2pUrl = "/p2p-url";

// Go's client tells "no such file" from "no such volume", both 404, by this text alone.
inline constexpr std::string_view kNoSuchFile = "no such file or directory";

// The header of our "100 Continue": this server reads files with holes in GNU's PAX format 1.0. The Go server's has no header.
inline constexpr std::string_view kReadsHoles = "Concourse-Tar: holes";

using Properties = std::map<std::string, std::string>;

// POST /volumes and /volumes-async.
struct VolumeRequest {
  std::string handle;                    // empty: the server makes one
  Json strategy;                         // decoded by the strategy itself; null when absent
  std::optional<Properties> properties;  // the ATC always sends null
  bool privileged = false;
  std::optional<std::int64_t> uid, gid;  // both >= 0: every file becomes that user's; else owners stay
};
// Throws Error(invalid) naming the field.
VolumeRequest parse_volume_request(std::string_view body);

struct Volume {
  std::string handle;
  std::string path;                      // where a container mounts it from
  std::optional<Properties> properties;  // nothing: null on the wire and on disk
  bool privileged = false;
  std::optional<std::int64_t> uid, gid;  // only in the answer to a creation that had them
};
std::string to_json(const Volume& volume);
std::string to_json(const std::vector<Volume>& volumes);

std::string future_json(const std::string& handle);                     // {"handle":"…"}
std::string error_json(std::string_view message);                       // {"error":"…"}
std::string parse_property_request(std::string_view body);              // {"value":"…"}
bool parse_privileged_request(std::string_view body);                   // {"value":true}
std::vector<std::string> parse_destroy_request(std::string_view body);  // ["…", …]

// A properties object, or null: the form of properties.json too.
std::string properties_json(const std::optional<Properties>& properties);
std::optional<Properties> parse_properties(const Json& value);

}  // namespace concourse::protocol::baggageclaim
