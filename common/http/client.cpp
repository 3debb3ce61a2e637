#include "common/http/client.hpp"

#include <httplib.h>
#include <sys/socket.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log_request.hpp"
#include "common/http/message.hpp"

namespace concourse::http {

namespace {

constexpr std::size_t kMaxAnswer = 64 << 20;

httplib::Client make_client(const Endpoint& endpoint) {
  std::string text = endpoint.text;
  if (text.starts_with("unix:")) text.erase(0, 5);
  if (text.starts_with('/')) {
    httplib::Client client(text, 80);
    client.set_address_family(AF_UNIX);
    return client;
  }
  const auto colon = text.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_u64(text.substr(colon + 1));
  if (!port || *port > 65535) throw Error(ErrorKind::invalid, "'" + endpoint.text + "' is not host:port or a socket's path");
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return httplib::Client(host, static_cast<int>(*port));
}

}  // namespace

Answer call(const Endpoint& endpoint, const std::string& method, const std::string& target, Duration timeout,
            const std::string& body, const std::string& content_type) {
  auto client = make_client(endpoint);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  client.set_keep_alive(false);
  client.set_url_encode(false);
  httplib::Request request;
  request.method = method;
  request.path = target;
  request.set_header("Host", "worker");
  Answer answer;
  answer.request = log::request_id_to_send();
  request.set_header(kRequestIdHeader, answer.request);
  if (!body.empty()) {
    request.body = body;
    request.set_header("Content-Type", content_type);
  }
  const auto deadline = Deadline::in(timeout);
  request.content_receiver = [&](const char* data, std::size_t n, std::uint64_t, std::uint64_t) {
    answer.body.append(data, n);
    return answer.body.size() <= kMaxAnswer && !deadline.passed();
  };
  const auto result = client.send(request);
  if (!result && deadline.passed())
    throw Error(ErrorKind::timeout, method + " " + target + " at " + endpoint.text + ": no answer within " + deadline.limit());
  if (!result)
    throw Error(ErrorKind::unavailable, method + " " + target + " at " + endpoint.text + ": " + httplib::to_string(result.error()));
  answer.status = result->status;
  return answer;
}

}  // namespace concourse::http
