#include "services/baggageclaim/api/volume_routes.hpp"

#include <algorithm>
#include <atomic>

#include "common/base/helpers.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/api/request_body.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kMaxDestroying = 8;  // at the same time, of one request

// Every query parameter is a property that a volume must have.
Properties wanted_properties(const http::Request& request) {
  std::map<std::string, std::vector<std::string>> values;
  for (const auto& [name, value] : request.query) values[name].push_back(value);
  Properties wanted;
  for (const auto& [name, all] : values) {
    if (all.size() > 1)
      throw ClientError(422, "a property may only have a single value: " + name + " has many (" + join(all, ", ") + ")",
                        "bad filter");
    wanted[name] = all.front();
  }
  return wanted;
}

}  // namespace

void list_volumes(Service& service, http::Request& request, http::Reply& reply) {
  reply.json(protocol::baggageclaim::to_json(service.volumes.list(wanted_properties(request))));
}

void get_volume(Service& service, http::Request& request, http::Reply& reply) {
  reply.json(protocol::baggageclaim::to_json(service.volumes.get(request.capture("handle"))));
}

void set_property(Service& service, http::Request& request, http::Reply& reply) {
  const auto value = decode_body(request, protocol::baggageclaim::parse_property_request);
  service.disk.with_reserve([&] { service.volumes.set_property(request.capture("handle"), request.capture("property"), value); });
  reply.status = 204;
}

void get_privileged(Service& service, http::Request& request, http::Reply& reply) {
  reply.json(service.volumes.privileged(request.capture("handle")) ? "true" : "false");
}

void set_privileged(Service& service, http::Request& request, http::Reply& reply) {
  const bool value = decode_body(request, protocol::baggageclaim::parse_privileged_request);
  service.disk.with_reserve([&] { service.volumes.set_privileged(request.capture("handle"), value); });
  reply.status = 204;
}

void destroy_volume(Service& service, http::Request& request, http::Reply& reply) {
  service.disk.with_reserve([&] { service.volumes.destroy(request.capture("handle")); });
  log::info("volume destroyed", {{"handle", request.capture("handle")}});
  reply.status = 204;
}

// All are tried; one that isn't there is fine.
void destroy_volumes(Service& service, http::Request& request, http::Reply& reply) {
  const auto handles = decode_body(request, protocol::baggageclaim::parse_destroy_request);
  std::atomic<std::size_t> next = 0, failed = 0;
  const auto work = [&] {
    for (auto i = next++; i < handles.size(); i = next++) {
      try {
        service.disk.with_reserve([&] { service.volumes.destroy(handles[i]); });
      } catch (const std::exception& e) {
        const auto* error = dynamic_cast<const Error*>(&e);
        if (error != nullptr && error->kind() == ErrorKind::not_found) continue;
        log::error("volume not destroyed", {{"handle", handles[i]}, {"error", e.what()}});
        ++failed;
      }
    }
  };
  {
    const auto others = std::min(kMaxDestroying, std::max<std::size_t>(handles.size(), 1)) - 1;
    const auto helpers = start_helpers(others, log::in_this_request(work));
    work();
  }
  if (failed > 0)
    throw Error(ErrorKind::internal, std::to_string(failed) + " of " + std::to_string(handles.size()) + " volumes not destroyed");
  reply.status = 204;
}

void cleanup_orphans(Service& service, http::Request&, http::Reply& reply) {
  service.volumes.cleanup_orphans();
  reply.status = 204;
}

}  // namespace concourse::baggageclaim
