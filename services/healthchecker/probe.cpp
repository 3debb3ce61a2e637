#include "services/healthchecker/probe.hpp"

#include "common/base/error.hpp"
#include "common/http/client.hpp"
#include "common/protocol/paths.hpp"

namespace concourse::healthchecker {

Target garden_target(const config::Values& values) {
  const auto& url = values.text("external-garden-url");
  if (url.empty()) return {"garden", protocol::garden_socket(values.text("runtime-dir")), "/ping"};
  // As in the peer, only host and port of the URL count.
  const auto host = url.substr(url.find("://") + 3);
  return {"garden", host.substr(0, host.find('/')), "/ping"};
}

Target baggageclaim_target(const config::Values& values) {
  return {"baggageclaim", protocol::baggageclaim_socket(values.text("runtime-dir")), "/volumes"};
}

std::string probe(const Target& target, Duration timeout) {
  try {
    const auto answer = http::call({target.endpoint}, "GET", target.request, timeout);
    if (answer.status >= 200 && answer.status < 300) return "";
    return "GET " + target.request + " was answered with status " + std::to_string(answer.status);
  } catch (const Error& e) {
    return e.what() + std::string(e.kind() == ErrorKind::timeout ? " (--healthcheck-timeout)" : "");
  }
}

}  // namespace concourse::healthchecker
