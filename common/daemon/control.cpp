#include "common/daemon/control.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::daemon {

namespace {
// A client that sends half a question may hold the loop this long and no longer.
constexpr auto kPatience = std::chrono::seconds(2);
}  // namespace

ControlServer::ControlServer(EventLoop& loop, UniqueFd listener) : loop_(loop), listener_(std::move(listener)) {
  // Another process may have taken the connection that we were woken for.
  fcntl(listener_.get(), F_SETFL, fcntl(listener_.get(), F_GETFL) | O_NONBLOCK);
  resume();
}

ControlServer::~ControlServer() {
  pause();
  for (const auto& [fd, owner] : connections_) loop_.unwatch(fd);
}

void ControlServer::pause() {
  if (paused_) return;
  loop_.unwatch(listener_.get());
  paused_ = true;
}

void ControlServer::resume() {
  if (!paused_) return;
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
  paused_ = false;
}

void ControlServer::on(std::string command, Handler handler) { handlers_[std::move(command)] = std::move(handler); }

void ControlServer::accept_one() {
  UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return;
  const int fd = connection.get();
  connections_[fd] = std::move(connection);
  loop_.watch(fd, EPOLLIN, [this, fd](std::uint32_t) { serve(fd); });
}

void ControlServer::serve(int fd) {
  loop_.unwatch(fd);
  const auto connection = std::move(connections_.at(fd));
  connections_.erase(fd);
  try {
    auto frame = os::receive_frame(fd, Deadline::in(kPatience));
    if (!frame) return;
    ControlAnswer answer;
    try {
      const Json question = parse_json(frame->body);
      const log::RequestScope scope(log::request_id_from(string_field(question, "request")));
      const auto command = string_field(question, "command");
      const auto found = handlers_.find(command);
      if (found == handlers_.end()) throw Error(ErrorKind::invalid, "unknown command '" + command + "'");
      answer = found->second(question, frame->fds);
      answer.body["ok"] = true;
    } catch (const std::exception& e) {
      answer.body = {{"ok", false}, {"error", e.what()}};
      answer.fds.clear();
    }
    os::send_frame(fd, dump_json(answer.body), answer.fds, Deadline::in(kPatience));
  } catch (const std::exception& e) {
    log::debug("control connection dropped", {{"error", e.what()}});
  }
}

Json with_request(Json question) {
  if (!log::current_request().empty()) question["request"] = log::current_request();
  return question;
}

Json ask(const std::filesystem::path& socket, const Json& question, Deadline deadline, const std::vector<int>& fds,
         std::vector<UniqueFd>* received) {
  auto frame = os::call_unix(socket, dump_json(with_request(question)), fds, deadline);
  Json answer = parse_json(frame.body);
  if (!bool_field(answer, "ok")) throw Error(ErrorKind::internal, string_field(answer, "error", "refused without a reason"));
  if (received != nullptr) *received = std::move(frame.fds);
  return answer;
}

}  // namespace concourse::daemon
