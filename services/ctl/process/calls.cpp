#include "services/ctl/process/calls.hpp"

#include <poll.h>
#include <sys/socket.h>

#include "common/base/strings.hpp"
#include "common/daemon/log_request.hpp"
#include "common/http/message.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::ctl {

namespace {

constexpr auto kLimit = std::chrono::minutes(1);
constexpr std::size_t kMaxHead = 64 << 10;

// The connection ended before there was an answer: Garden did.
class Lost : public Error {
 public:
  Lost() : Error(ErrorKind::unavailable, "Garden ended before it answered; concourse-workerctl status says more") {}
};

// More of the answer. False at its end.
bool receive(int connection, std::string& text, Deadline deadline) {
  char bytes[16384];
  while (true) {
    const auto n = ::recv(connection, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) return text.append(bytes, static_cast<std::size_t>(n)), true;
    if (n == 0 || errno == ECONNRESET) return false;
    if (errno != EAGAIN && errno != EINTR) throw SysError("read Garden's answer");
    if (errno == EAGAIN && !os::wait_for(connection, POLLIN, deadline))
      throw Error(ErrorKind::timeout, "Garden does not answer in time; concourse-workerctl status says more");
  }
}

void send_all(int connection, std::string_view text, Deadline deadline) {
  while (!text.empty()) {
    const auto n = ::send(connection, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) text.remove_prefix(static_cast<std::size_t>(n));
    else if (errno == EPIPE || errno == ECONNRESET) throw Lost();
    else if (errno != EAGAIN && errno != EINTR) throw SysError("ask Garden");
    else if (!os::wait_for(connection, POLLOUT, deadline)) throw Error(ErrorKind::timeout, "Garden takes no question in time");
  }
}

std::size_t content_length(const std::string& head) {
  for (const auto& line : split(head, '\n')) {
    const auto colon = line.find(':');
    if (colon != std::string::npos && lower(line.substr(0, colon)) == "content-length")
      return std::min<std::uint64_t>(parse_u64(trim(line.substr(colon + 1))).value_or(0), kMaxHead);
  }
  return 0;
}

}  // namespace

Stream ProcessCalls::request(const std::string& method, const std::string& target, const std::string& body,
                             Deadline deadline) const {
  Stream stream;
  try {
    stream.connection = os::connect_unix(socket_, deadline);
  } catch (const Error& e) {
    throw Error(e.kind(), std::string("Garden does not answer (concourse-workerctl status says more): ") + e.what());
  }
  const int connection = stream.connection.get();
  send_all(connection,
           method + " " + target + " HTTP/1.1\r\nHost: worker\r\n" + http::kRequestIdHeader + ": " + log::request_id_to_send() +
               "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
           deadline);
  auto& text = stream.early;
  std::size_t end = 0;
  while ((end = text.find("\r\n\r\n")) == std::string::npos)
    if (text.size() > kMaxHead || !receive(connection, text, deadline)) throw Lost();
  const auto head = text.substr(0, end);
  text.erase(0, end + 4);
  const auto status = head.size() > 12 ? parse_u64(head.substr(9, 3)).value_or(0) : 0;
  if (status / 100 == 2) return stream;
  const auto length = content_length(head);
  while (text.size() < length && receive(connection, text, deadline)) {
  }
  throw refusal(text, static_cast<int>(status));
}

Refusal ProcessCalls::refusal(const std::string& body, int status) const {
  std::string type, message;
  try {
    const auto json = parse_json(body);
    type = string_field(json, "Type"), message = string_field(json, "Message");
    if (type == "ContainerNotFoundError")
      return {ErrorKind::not_found, "there is no container '" + handle_ + "'; concourse-workerctl garden list shows them", type};
    if (type == "ProcessNotFoundError")
      return {ErrorKind::not_found,
              "container '" + handle_ + "' has had no process '" + string_field(json, "ProcessID") +
                  "'; concourse-workerctl garden inspect " + handle_ + " shows them",
              type};
  } catch (const Error&) {
  }
  if (message.empty()) message = "status " + std::to_string(status) + " " + std::string(trim(body));
  return {ErrorKind::conflict, "container '" + handle_ + "': " + message, type};
}

std::string ProcessCalls::processes() const { return "/containers/" + percent_encode(handle_) + "/processes"; }

Stream ProcessCalls::get(const std::string& target, Deadline deadline) const {
  while (true) {
    try {
      return request("GET", target, "", deadline);
    } catch (const Lost&) {
      if (deadline.passed()) throw;
    }
  }
}

Stream ProcessCalls::run(const protocol::garden::ProcessSpec& spec) const {
  const auto deadline = Deadline::in(kLimit);
  while (true) {
    try {
      return request("POST", processes(), dump_json(protocol::garden::to_json(spec)), deadline);
    } catch (const Lost&) {
      if (deadline.passed()) throw;
    }
    try {
      return get(processes() + "/" + percent_encode(spec.id), deadline);
    } catch (const Refusal& refusal) {
      if (refusal.type() != "ProcessNotFoundError") throw;  // else it never was started
    }
  }
}

Stream ProcessCalls::attach(const std::string& process_id) const {
  return get(processes() + "/" + percent_encode(process_id), Deadline::in(kLimit));
}

Stream ProcessCalls::output(const std::string& process_id, const std::string& stream_id, const std::string& which) const {
  return get(processes() + "/" + percent_encode(process_id) + "/attaches/" + percent_encode(stream_id) + "/" + which,
             Deadline::in(kLimit));
}

}  // namespace concourse::ctl
