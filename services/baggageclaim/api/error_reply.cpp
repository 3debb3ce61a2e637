#include "services/baggageclaim/api/error_reply.hpp"

#include <array>

#include "common/daemon/log.hpp"
#include "common/protocol/baggageclaim.hpp"

namespace concourse::baggageclaim {

namespace {

namespace api = protocol::baggageclaim;

struct RouteText {
  std::string_view method, route, text;
};

constexpr auto kTexts = std::to_array<RouteText>({
    {"GET", api::kVolumes, "failed to list volumes"},
    {"POST", api::kVolumes, "failed to create volume"},
    {"POST", api::kVolumesAsync, "failed to create volume"},
    {"GET", api::kVolumeAsync, "failed to create volume"},
    {"GET", api::kVolume, "failed to get volume"},
    {"DELETE", api::kVolume, "failed to destroy volume"},
    {"DELETE", api::kDestroyVolumes, "failed to destroy volume"},
    {"PUT", api::kProperty, "failed to set property on volume"},
    {"GET", api::kPrivileged, "failed to get privileged status of volume"},
    {"PUT", api::kPrivileged, "failed to change privileged status of volume"},
    {"PUT", api::kStreamIn, "failed to stream in to volume"},
    {"PUT", api::kStreamOut, "failed to stream out from volume"},
    {"PUT", api::kStreamP2pOut, "failed to stream p2p out from volume"},
});

std::string_view text_for(std::string_view method, std::string_view route) {
  for (const auto& entry : kTexts)
    if (entry.method == method && entry.route == route) return entry.text;
  return {};
}

}  // namespace

Told tell(const Error& error, std::string_view method, std::string_view route) {
  const auto* client_error = dynamic_cast<const ClientError*>(&error);
  if (client_error != nullptr && !client_error->shown().empty()) return {client_error->status(), client_error->shown()};
  const auto text = text_for(method, route);
  Told told{500, std::string(text.empty() ? error.what() : text)};
  if (client_error != nullptr) told.status = client_error->status();
  else if (route.empty() && error.kind() == ErrorKind::invalid) told.status = 400;  // the request itself was malformed
  const bool with_cause = error.kind() == ErrorKind::exhausted || dynamic_cast<const ArchiveError*>(&error) != nullptr;
  if (with_cause && !text.empty()) told.message += std::string(": ") + error.what();
  return told;
}

void reply_error(const Error& error, const http::Request& request, http::Reply& reply) {
  const auto told = tell(error, request.method, request.route);
  const log::Fields fields{
      {"method", request.method}, {"target", request.target}, {"status", told.status}, {"error", error.what()}};
  if (told.status >= 500) log::error("request failed", fields);
  else log::info("request refused", fields);
  reply.json(api::error_json(told.message), told.status);
}

}  // namespace concourse::baggageclaim
