#include "services/garden/errors.hpp"

#include "common/base/json.hpp"
#include "common/daemon/log.hpp"

namespace concourse::garden {

TypedError TypedError::container_not_found(const std::string& handle) {
  return {404, "ContainerNotFoundError", "unknown handle: " + handle, handle, ""};
}

TypedError TypedError::process_not_found(const std::string& process_id) {
  return {404, "ProcessNotFoundError", "unknown process: " + process_id, "", process_id};
}

TypedError TypedError::executable_not_found(const std::string& message) {
  return {500, "ExecutableNotFoundError", message, "", ""};
}

int status_of(const Error& error) {
  const auto* typed = dynamic_cast<const TypedError*>(&error);
  return typed != nullptr ? typed->status() : 500;
}

std::string body_of(const Error& error) {
  const auto* typed = dynamic_cast<const TypedError*>(&error);
  return dump_json({{"Type", typed != nullptr ? typed->type() : ""},
                    {"Message", error.what()},
                    {"Handle", typed != nullptr ? typed->handle() : ""},
                    {"ProcessID", typed != nullptr ? typed->process_id() : ""},
                    {"Binary", ""}});
}

void map_error(const Error& error, const http::Request& request, http::Reply& reply) {
  // What the web does all the time isn't worth a line: it attaches before it runs, and sweeps what is gone.
  const auto* typed = dynamic_cast<const TypedError*>(&error);
  if (typed != nullptr) log::debug("not found", {{"method", request.method}, {"target", request.target}, {"error", error.what()}});
  else log::error("request failed", {{"method", request.method}, {"target", request.target}, {"error", error.what()}});
  reply.json(body_of(error), status_of(error));
}

std::string raw_response(const Error& error) {
  const auto body = body_of(error) + "\n";
  return std::string("HTTP/1.1 ") + (status_of(error) == 404 ? "404 Not Found" : "500 Internal Server Error") +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace concourse::garden
