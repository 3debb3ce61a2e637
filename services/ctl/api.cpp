#include "services/ctl/api.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/http/client.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kCallLimit = std::chrono::minutes(1);

// Garden sends {"Message":…}, BaggageClaim {"error":…}, proxies and routers plain text.
std::string words_of(const std::string& body) {
  try {
    const auto json = parse_json(body);
    for (const auto* key : {"Message", "error"})
      if (auto text = string_field(json, key); !text.empty()) return text;
  } catch (const Error&) {
  }
  return std::string(trim(body));
}

}  // namespace

std::string Api::call(const std::string& method, const std::string& target) const {
  http::Answer answer;
  try {
    answer = http::call({socket_}, method, target, kCallLimit);
  } catch (const Error& e) {
    throw Error(e.kind(), name_ + " does not answer (concourse-workerctl status says more): " + e.what());
  }
  if (answer.status < 200 || answer.status >= 300)
    throw Error(ErrorKind::conflict,
                name_ + " refused " + method + " " + target + " with status " + std::to_string(answer.status) + ": " +
                    words_of(answer.body) +
                    (answer.status < 500 ? "" : "; what the logs say of it: concourse-workerctl trace " + answer.request));
  return answer.body;
}

Json Api::get(const std::string& target) const { return parse_json(call("GET", target)); }
void Api::remove(const std::string& target) const { call("DELETE", target); }

}  // namespace concourse::ctl
