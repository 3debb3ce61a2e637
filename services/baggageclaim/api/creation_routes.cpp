#include "services/baggageclaim/api/creation_routes.hpp"

#include <memory>

#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/api/error_reply.hpp"
#include "services/baggageclaim/api/request_body.hpp"
#include "services/baggageclaim/handle.hpp"
#include "services/baggageclaim/strategies/strategy.hpp"

namespace concourse::baggageclaim {

namespace {

namespace api = protocol::baggageclaim;

struct Creation {
  VolumeRequest request;
  std::unique_ptr<Strategy> strategy;
};

Creation decode(http::Request& request) {
  Creation creation;
  creation.request = decode_body(request, api::parse_volume_request);
  if (creation.request.handle.empty()) creation.request.handle = make_uuid();
  if (!is_valid_handle(creation.request.handle)) throw bad_request("'" + creation.request.handle + "' can't be a handle");
  creation.strategy = parse_strategy(creation.request.strategy);
  return creation;
}

Volume run(Service& service, const Creation& creation, const std::stop_token& stop) {
  service.disk.check();
  auto volume = service.volumes.create(creation.request, *creation.strategy, stop);
  log::info("volume created", {{"handle", volume.handle},
                               {"strategy", string_field(creation.request.strategy, "type")},
                               {"privileged", volume.privileged}});
  return volume;
}

// On a thread of the pool: the top of its stack, so nothing may escape.
void run_in_background(Service& service, const Creation& creation, const std::shared_ptr<PromiseList::Ticket>& ticket) {
  const auto& handle = creation.request.handle;
  const auto reject = [&](const Error& error) {
    log::error("volume not created", {{"handle", handle}, {"error", error.what()}});
    const auto told = tell(error, "GET", api::kVolumeAsync);
    service.promises.reject(handle, ticket, {told.status, told.message});
  };
  try {
    auto volume = run(service, creation, ticket->stop_token());
    if (service.promises.fulfill(handle, ticket, std::move(volume))) return;
    log::info("creation was cancelled: volume is destroyed", {{"handle", handle}});
    service.volumes.destroy(handle);
  } catch (const Error& e) {
    reject(e);
  } catch (const std::exception& e) {
    reject(Error(ErrorKind::internal, e.what()));
  }
}

std::optional<Volume> made_before(const Service& service, const VolumeRequest& request) {
  try {
    auto volume = service.volumes.get(request.handle);
    volume.uid = request.uid, volume.gid = request.gid;
    return volume;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

}  // namespace

void create_volume(Service& service, http::Request& request, http::Reply& reply) {
  reply.json(api::to_json(run(service, decode(request), {})), 201);
}

void create_volume_async(Service& service, http::Request& request, http::Reply& reply) {
  const auto creation = std::make_shared<const Creation>(decode(request));
  const auto& handle = creation->request.handle;
  // A client that repeats itself learns the first attempt's result from its polls.
  if (const auto ticket = service.promises.begin(handle)) {
    service.futures.keep(creation->request);
    service.creations.submit([&service, creation, ticket] { run_in_background(service, *creation, ticket); });
  }
  reply.json(api::future_json(handle), 201);
}

void poll_creation(Service& service, http::Request& request, http::Reply& reply) {
  const auto settled = request.must_answer() ? nullptr : std::make_shared<http::Wakeup>();
  const auto result = service.promises.poll(request.capture("handle"), settled);
  if (!result) {
    reply.status = 404;
  } else if (const auto* volume = std::get_if<Volume>(&*result)) {
    reply.json(api::to_json(*volume));
  } else if (const auto* rejection = std::get_if<Rejection>(&*result)) {
    reply.json(api::error_json(rejection->message), rejection->status);
  } else if (settled) {
    reply.hold(settled, service.poll_limit);
  } else {
    reply.status = 204;
  }
}

void forget_creation(Service& service, http::Request& request, http::Reply& reply) {
  const auto handle = request.capture("handle");
  const bool known = service.promises.remove(handle);
  if (known) service.futures.drop(handle);
  reply.status = known ? 204 : 404;
}

void resume_creations(Service& service) {
  for (auto& [request, request_id] : service.futures.kept()) {
    const log::RequestScope scope(request_id);
    const auto ticket = service.promises.begin(request.handle);
    if (!ticket) continue;
    if (const auto volume = made_before(service, request)) {
      service.promises.fulfill(request.handle, ticket, *volume);
      continue;
    }
    log::info("creation begun again", {{"handle", request.handle}});
    auto creation = std::make_shared<Creation>();
    creation->request = std::move(request);
    try {
      creation->strategy = parse_strategy(creation->request.strategy);
    } catch (const Error& e) {
      service.promises.reject(creation->request.handle, ticket, {400, e.what()});
      continue;
    }
    service.creations.submit([&service, creation = std::shared_ptr<const Creation>(creation), ticket] {
      run_in_background(service, *creation, ticket);
    });
  }
}

}  // namespace concourse::baggageclaim
