// The control socket of a service: one small question, one answer, for the supervisor, workerctl and people with a shell.
//
// A connection carries one frame each way (common/os/unix_socket.hpp). The question is {"command":"…", …}, the answer
// {"ok":true, …} or {"ok":false,"error":"…"}. `request` is the id under which a question is logged. Descriptors may travel with
// both. Served on the main loop's thread, so a handler must not block. Every service answers `status`, `log-level` and `adopt`;
// docs/protocols/control.md lists the rest.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/json.hpp"
#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::daemon {

struct ControlAnswer {
  Json body = Json::object();
  std::vector<int> fds;  // borrowed, duplicated by the kernel on sending
};

class ControlServer {
 public:
  using Handler = std::function<ControlAnswer(const Json& question, std::vector<UniqueFd>& fds)>;

  ControlServer(EventLoop& loop, UniqueFd listener);
  ~ControlServer();

  void on(std::string command, Handler handler);
  // Leaves new questions to another process that has the same socket, or answers them again.
  void pause();
  void resume();
  int listener() const { return listener_.get(); }

 private:
  void accept_one();
  void serve(int fd);

  EventLoop& loop_;
  UniqueFd listener_;
  bool paused_ = true;
  std::map<std::string, Handler> handlers_;
  std::map<int, UniqueFd> connections_;
};

// The question with the id of the request that this thread works on, if there is one.
Json with_request(Json question);

// Asks the service at `socket`, under this thread's request. Throws Error: unavailable when nobody listens, the service's own words
// when it refuses.
Json ask(const std::filesystem::path& socket, const Json& question, Deadline deadline, const std::vector<int>& fds = {},
         std::vector<UniqueFd>* received = nullptr);

}  // namespace concourse::daemon
