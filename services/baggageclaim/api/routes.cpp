#include "services/baggageclaim/api/routes.hpp"

#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/api/creation_routes.hpp"
#include "services/baggageclaim/api/p2p_routes.hpp"
#include "services/baggageclaim/api/stream_routes.hpp"
#include "services/baggageclaim/api/volume_routes.hpp"

namespace concourse::baggageclaim {

namespace api = protocol::baggageclaim;

std::vector<http::Route> routes(Service& s) {
  const auto with = [&s](void (*handler)(Service&, http::Request&, http::Reply&)) {
    return [&s, handler](http::Request& request, http::Reply& reply) { handler(s, request, reply); };
  };
  // The list is how an operator finds out that a peer can be reached, says the manual.
  constexpr bool kForPeers = true;
  const auto path = [](std::string_view text) { return std::string(text); };
  return {
      {"GET", path(api::kVolumes), with(list_volumes), kForPeers},
      {"POST", path(api::kVolumes), with(create_volume)},
      {"POST", path(api::kCleanupOrphans), with(cleanup_orphans)},
      {"POST", path(api::kVolumesAsync), with(create_volume_async)},
      {"GET", path(api::kVolumeAsync), with(poll_creation)},
      {"DELETE", path(api::kVolumeAsync), with(forget_creation)},
      {"GET", path(api::kVolume), with(get_volume)},
      {"PUT", path(api::kProperty), with(set_property)},
      {"GET", path(api::kPrivileged), with(get_privileged)},
      {"PUT", path(api::kPrivileged), with(set_privileged)},
      {"PUT", path(api::kStreamIn), with(stream_into_volume), kForPeers},
      {"PUT", path(api::kStreamOut), with(stream_out_of_volume)},
      {"PUT", path(api::kStreamP2pOut), with(stream_to_peer)},
      {"DELETE", path(api::kDestroyVolumes), with(destroy_volumes)},
      {"DELETE", path(api::kVolume), with(destroy_volume)},
      {"GET", path(api::kP2pUrl), with(get_p2p_url)},
  };
}

}  // namespace concourse::baggageclaim
